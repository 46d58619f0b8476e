// Where a peer listens: an IP address with a port, or a unix socket. Names are resolved before they get here.

export interface PeerAddress {
  /** IP address without brackets; '' for a unix socket. */
  readonly host: string
  /** 0 for a unix socket. */
  readonly port: number
  /** Path of a unix socket, or ''. */
  readonly path: string
  /** As nginx prints it: `127.0.0.1:80`, `[::1]:80`, `unix:/path`. Equal text = same peer. */
  readonly text: string
}

export function tcpAddress(host: string, port: number): PeerAddress {
  return { host, port, path: '', text: `${host.includes(':') ? `[${host}]` : host}:${port}` }
}

export function unixAddress(path: string): PeerAddress {
  return { host: '', port: 0, path, text: `unix:${path}` }
}
