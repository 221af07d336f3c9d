# SPDX-License-Identifier: Apache-2.0
# A Riemann server of another hand's messages: the gem riemann-client (Debian: ruby-riemann-client), TCP, behind
# OpenSSL's TLS where certificates are given. Prints each event as a line of JSON.
#
#   ruby riemann_server.rb PORT [CA CERT KEY]
require "json"
require "openssl"
require "riemann"
require "socket"

server = TCPServer.new("127.0.0.1", ARGV[0].to_i)
if ARGV.size > 1
  context = OpenSSL::SSL::SSLContext.new
  context.min_version = OpenSSL::SSL::TLS1_2_VERSION
  context.ca_file = ARGV[1]
  context.cert = OpenSSL::X509::Certificate.new(File.read(ARGV[2]))
  context.key = OpenSSL::PKey.read(File.read(ARGV[3]))
  context.verify_mode = OpenSSL::SSL::VERIFY_PEER | OpenSSL::SSL::VERIFY_FAIL_IF_NO_PEER_CERT
  server = OpenSSL::SSL::SSLServer.new(server, context)
end
$stdout.sync = true
puts "ready"

def serve(client)
  while (head = client.read(4)) && head.bytesize == 4
    message = Riemann::Message.decode(client.read(head.unpack1("N")))
    message.events.each do |event|
      puts({ service: event.service, metric: event.metric, host: event.host, state: event.state, ttl: event.ttl,
             tags: event.tags, attributes: (event.attributes || []).to_h { |a| [a.key, a.value] } }.to_json)
    end
    answer = Riemann::Message.new(ok: true).encode.to_s
    client.write([answer.bytesize].pack("N") + answer)
  end
ensure
  client.close
end

loop do
  client = server.accept
  Thread.new { serve(client) }
rescue OpenSSL::SSL::SSLError => error
  warn error.message # a client that may not come in; the next one is served
end
