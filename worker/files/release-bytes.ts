/** Frees bytes that nothing else refers to; the garbage collector would let several pile up. */
export function releaseBytes({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
