// A syslog server for stories: keeps the datagrams that it gets, over UDP or at a Unix socket. Node has no Unix datagram
// sockets, so there a line of perl listens.

import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, rmSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { findPeer } from './peers.ts'
import { waitFor } from './wait_for.ts'

export const PERL = findPeer('perl')

export class SyslogServer {
  readonly messages: string[] = []
  /** What a configuration writes behind `server=`. */
  readonly address: string
  readonly close: () => void

  constructor(address: string, close: () => void) {
    this.address = address
    this.close = close
  }

  /** The first message that matches, waited for. */
  receives(pattern: RegExp): Promise<string> {
    return waitFor(`${pattern} at the syslog server`, () => this.messages.find((message) => pattern.test(message)))
  }
}

/** On a free port of the loopback interface. */
export async function udpSyslog(): Promise<SyslogServer> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const server = new SyslogServer(`127.0.0.1:${socket.address().port}`, () => socket.close())
  socket.on('message', (message) => server.messages.push(message.toString('latin1')))
  onTestFinished(() => server.close())
  return server
}

/** At a path. */
export async function unixSyslog(path: string): Promise<SyslogServer> {
  rmSync(path, { force: true })
  const script = `use IO::Socket::UNIX; $| = 1;
    my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die; chmod 0666, $ARGV[0];
    print "$_\\n" while defined $s->recv($_, 65536);`
  const child: ChildProcess = spawn(PERL ?? 'perl', ['-MSocket', '-e', script, path], { stdio: ['ignore', 'pipe', 2] })
  const server = new SyslogServer(`unix:${path}`, () => void child.kill('SIGKILL'))
  onTestFinished(() => server.close())
  let text = ''
  child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n')
    text = lines.pop() ?? ''
    server.messages.push(...lines)
  })
  await waitFor('the syslog socket', () => existsSync(path))
  return server
}
