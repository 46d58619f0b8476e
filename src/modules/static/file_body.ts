// The body of a response out of a file: pieces of it, with text between them for multipart ranges. A piece is read while
// the one before is on its way; a slow client stops the reading (back-pressure), a client that leaves closes the file.

import { read } from 'node:fs'
import type { HttpRequest } from '../../http/request.ts'
import type { BodySource } from '../../http/stream.ts'
import { ALERT } from '../../log/levels.ts'
import { closeFile, type OpenFile, READ_BYTES } from './open_file.ts'

/** `start` to before `end`. */
export type BodyPart =
  | { readonly kind: 'file'; readonly start: number; readonly end: number }
  | { readonly kind: 'text'; readonly text: string }

export function wholeFile(sizeBytes: number): BodyPart[] {
  return [{ kind: 'file', start: 0, end: sizeBytes }]
}

export function bodyLength(parts: readonly BodyPart[]): number {
  let length = 0
  for (const part of parts) length += part.kind === 'file' ? part.end - part.start : part.text.length
  return length
}

/** Sends the parts and ends the response; closes the file when it, or the request, is done with it. The head is out. */
export function sendFileBody(r: HttpRequest, path: string, file: OpenFile, parts: readonly BodyPart[]): void {
  const body = new FileBody(r, path, file, parts)
  r.source = body
  r.addCleanup(() => body.close())
  body.onWritable()
}

/** Buffers of bodies that are done; a read fills a whole one. */
const spareBuffers: Buffer[] = []
const MAX_SPARE_BUFFERS = 32

class FileBody implements BodySource {
  readonly #r: HttpRequest
  readonly #path: string
  readonly #file: OpenFile
  readonly #parts: readonly BodyPart[]
  readonly #buffer: Buffer
  /** Part that is being sent, and how much of it has been. */
  #index = 0
  #offset = 0
  #state: 'idle' | 'reading' | 'closed' = 'idle'
  /** The request is done while a read is under way, which still fills the buffer: its callback frees both. */
  #closeAfterRead = false

  constructor(r: HttpRequest, path: string, file: OpenFile, parts: readonly BodyPart[]) {
    this.#r = r
    this.#path = path
    this.#file = file
    this.#parts = parts
    this.#buffer = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES)
  }

  onWritable(): void {
    while (this.#state === 'idle') {
      const part = this.#parts[this.#index]
      if (part === undefined) {
        this.close()
        this.#r.stream.end()
        return
      }
      if (part.kind === 'file') {
        if (this.#offset < part.end - part.start) {
          this.#read(part.start + this.#offset, part.end)
          return
        }
        this.#nextPart()
        continue
      }
      this.#nextPart()
      if (!this.#r.stream.write(part.text)) return
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#state === 'closed') return
    if (this.#state === 'reading') {
      this.#closeAfterRead = true
      return
    }
    this.#state = 'closed'
    closeFile(this.#file)
    if (spareBuffers.length < MAX_SPARE_BUFFERS) spareBuffers.push(this.#buffer)
  }

  #nextPart(): void {
    this.#index++
    this.#offset = 0
  }

  #read(from: number, end: number): void {
    this.#state = 'reading'
    const count = Math.min(READ_BYTES, end - from)
    read(this.#file.fd, this.#buffer, 0, count, from, (error, bytesRead) => {
      this.#state = 'idle'
      if (this.#closeAfterRead || this.#r.done) this.close()
      else if (error !== null || bytesRead === 0) this.#cut(bytesRead, count)
      else {
        this.#offset += bytesRead
        if (this.#r.stream.write(this.#buffer.subarray(0, bytesRead))) this.onWritable()
      }
    })
  }

  /** The file is shorter than it was, or unreadable: the response must not look complete. */
  #cut(bytesRead: number, wanted: number): void {
    this.#r.log(ALERT, `pread() read only ${bytesRead} of ${wanted} from "${this.#path}"`)
    this.close()
    this.#r.stream.abort()
  }
}
