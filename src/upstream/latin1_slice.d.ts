// Node has had Buffer.latin1Slice for ever and its types have not: the cheap way from bytes to latin1 text (toString looks
// its encoding up at every call).

export {}

declare global {
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start?: number, end?: number): string
  }
}
