// Reading a whole request body before a handler goes on: in memory up to client_body_buffer_size, then in a temporary
// file, which has a name only with client_body_in_file_only. Handlers that stream use `r.stream.readBody(sink)` themselves.

import { closeSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { CRIT, WARN } from '../log/levels.ts'
import { giveBodyMemory, isReused, takeBodyMemory } from './body_memory.ts'
import { DONE } from './module.ts'
import type { HttpRequest } from './request.ts'
import type { BodySink } from './stream.ts'

/** A body read whole. Exactly one of the two forms; an empty body is memory of length 0. */
export interface WholeBody {
  readonly length: number
  readonly memory: Buffer | undefined
  /** The memory does not change; else it is used for another body once the request has ended. */
  readonly stable: boolean
  /** Descriptor of the temporary file, closed when the request ends; -1 for a body in memory. */
  readonly fd: number
}

const EMPTY_BUFFER = Buffer.alloc(0)
const EMPTY: WholeBody = { length: 0, memory: EMPTY_BUFFER, stable: true, fd: -1 }

/**
 * Reads the body whole and calls `onBody` (at once when there is none). A body that cannot be read ends the request by
 * itself: 413, 400, 408 or 500; `onBody` is then never called. Returns DONE for the handler to return.
 */
export function readClientBody(r: HttpRequest, onBody: (body: WholeBody) => void): number {
  const inFile = r.location.core.clientBodyInFileOnly !== 'off'
  if (!r.chunkedIn && !r.expectContinue && r.contentLengthIn <= (inFile ? -1 : 0)) {
    r.bodyTaken = true
    onBody(EMPTY)
    return DONE
  }
  r.stream.readBody(new BodyCollector(r, onBody))
  return DONE
}

let temporaryNumber = 0

class BodyCollector implements BodySink {
  readonly #r: HttpRequest
  readonly #onBody: (body: WholeBody) => void
  readonly #memoryBytes: number
  /** Known length: one exact buffer; else grows. */
  #buffer: Buffer
  #isReused = false
  #length = 0
  #fd = -1

  constructor(r: HttpRequest, onBody: (body: WholeBody) => void) {
    this.#r = r
    this.#onBody = onBody
    const { clientBodyBufferSize, clientBodyInFileOnly } = r.location.core
    // nginx reads a body that exceeds the buffer by a quarter or less into one buffer of its size.
    const exact = r.contentLengthIn > 0 && r.contentLengthIn <= clientBodyBufferSize * 1.25
    const inFile = clientBodyInFileOnly !== 'off'
    this.#memoryBytes = inFile ? -1 : exact ? r.contentLengthIn : clientBodyBufferSize
    if (inFile) this.#buffer = EMPTY_BUFFER
    else if (!exact) this.#buffer = Buffer.allocUnsafe(Math.min(clientBodyBufferSize, 4096))
    else {
      const memory = takeBodyMemory(r.contentLengthIn)
      this.#buffer = memory
      this.#isReused = isReused(memory)
      if (this.#isReused) r.addCleanup(() => giveBodyMemory(memory))
    }
  }

  onBodyData(chunk: Buffer): boolean {
    const needed = this.#length + chunk.length
    if (this.#fd < 0 && needed <= this.#memoryBytes) {
      if (needed > this.#buffer.length) {
        const larger = Buffer.allocUnsafe(Math.min(this.#memoryBytes, needed * 2))
        this.#buffer.copy(larger, 0, 0, this.#length)
        this.#buffer = larger
      }
      chunk.copy(this.#buffer, this.#length)
    } else if (!this.#spill(chunk)) return true
    this.#length = needed
    return true
  }

  /** Moves to, and goes on in, a temporary file. False = that failed and the request was ended. */
  #spill(chunk: Buffer): boolean {
    const r = this.#r
    if (r.done) return false
    try {
      if (this.#fd < 0) {
        this.#openFile()
        writeAll(this.#fd, this.#buffer.subarray(0, this.#length))
      }
      writeAll(this.#fd, chunk)
      return true
    } catch (error) {
      const { message } = error as Error
      r.log(CRIT, `writing a client request body to a temporary file failed: ${message}`)
      r.keepAlive = false
      r.finalize(500)
      return false
    }
  }

  #openFile(): void {
    const r = this.#r
    const { clientBodyTempPath, clientBodyInFileOnly } = r.location.core
    const { path, fd } = openTemporary(clientBodyTempPath)
    this.#fd = fd
    r.requestBodyFile = path
    r.addCleanup(() => {
      closeSync(fd)
      if (clientBodyInFileOnly === 'clean') removeFile(r, path)
    })
    // With in_file_only others may read the file by its name; else it needs none.
    if (clientBodyInFileOnly === 'off') {
      unlinkSync(path)
      r.log(WARN, `a client request body is buffered to a temporary file ${path}`)
    }
  }

  onBodyEnd(): void {
    if (this.#r.done || this.#r.headerSent) return
    if (this.#memoryBytes < 0 && this.#fd < 0 && !this.#spill(EMPTY_BUFFER)) return
    if (this.#fd >= 0) {
      this.#onBody({ length: this.#length, memory: undefined, stable: true, fd: this.#fd })
      return
    }
    const memory = this.#buffer.subarray(0, this.#length)
    this.#r.requestBody = memory
    this.#onBody({ length: this.#length, memory, stable: !this.#isReused, fd: -1 })
  }

  onBodyError(status: number, gone: boolean): void {
    const r = this.#r
    if (gone) r.aborted = true
    r.finalize(status)
  }
}

/** Whoever was told the file's name may have taken it away. */
function removeFile(r: HttpRequest, path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') r.log(CRIT, `removing the temporary file of a client request body failed: ${message}`)
  }
}

/** A new file in `folder`, which is made when it is missing. */
function openTemporary(folder: string): { path: string; fd: number } {
  temporaryNumber++
  const path = `${folder}/${process.pid}-${String(temporaryNumber).padStart(10, '0')}`
  let fd: number
  try {
    fd = openSync(path, 'wx+', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    fd = openSync(path, 'wx+', 0o600)
  }
  return { path, fd }
}

function writeAll(fd: number, bytes: Buffer): void {
  let at = 0
  while (at < bytes.length) at += writeSync(fd, bytes, at)
}
