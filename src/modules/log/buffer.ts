// The buffer of a log file with `buffer=`: lines wait until it is full, the flush time has passed since the first of them,
// or the process exits. With gzip, each flush appends one gzip member, which any gunzip reads as one stream.

import { gzipSync } from 'node:zlib'
import type { LogFile } from '../../log/log_file.ts'

export interface BufferOptions {
  readonly sizeBytes: number
  /** 0 = no limit in time. */
  readonly flushMs: number
  /** 1..9, or 0 = not compressed. */
  readonly gzipLevel: number
}

export class LogBuffer {
  readonly options: BufferOptions
  readonly #file: LogFile
  #pending = ''
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(file: LogFile, options: BufferOptions) {
    this.#file = file
    this.options = options
  }

  /** Takes a line whole; it is never split over two writes. */
  write(line: string): void {
    const { sizeBytes, flushMs } = this.options
    if (this.#pending.length + line.length > sizeBytes) this.flush()
    if (line.length > sizeBytes) {
      this.#emit(line)
      return
    }
    if (this.#pending === '') {
      buffersInUse.add(this)
      // Not a reason to stay alive: the last flush comes at exit.
      if (flushMs > 0) this.#timer = setTimeout(() => this.flush(), flushMs).unref()
    }
    this.#pending += line
  }

  /** Hands what is pending to the file. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    buffersInUse.delete(this)
    if (this.#pending === '') return
    const lines = this.#pending
    this.#pending = ''
    this.#emit(lines)
  }

  #emit(lines: string): void {
    const { gzipLevel } = this.options
    if (gzipLevel === 0) this.#file.write(lines)
    else this.#file.write(gzipSync(Buffer.from(lines, 'latin1'), { level: gzipLevel }).toString('latin1'))
  }

  /** Hands what is pending to the file and the file's to the system. */
  flushThrough(): void {
    this.flush()
    this.#file.flush()
  }
}

/** Buffers that hold lines. */
const buffersInUse = new Set<LogBuffer>()

/** Writes everything that is held back: before log files are reopened, and at exit. */
export function flushLogBuffers(): void {
  for (const buffer of [...buffersInUse]) buffer.flushThrough()
}

process.on('exit', flushLogBuffers)
