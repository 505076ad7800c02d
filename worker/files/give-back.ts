/**
 * Ends the memory of bytes that nobody else has: the collector would come when several pieces have
 * been left behind.
 */
export function giveBack({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
