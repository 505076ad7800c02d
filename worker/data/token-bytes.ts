// The bytes that a token spells: byte-level vocabularies write every byte as one printable
// character, sentencepiece vocabularies write a space as ▁ and single bytes as <0xNN>.

/** Byte → character: printable Latin-1 as it is, the other 68 bytes from U+0100 on. */
const characterOf: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  String.fromCharCode(isPrintable(byte) ? byte : 0x100 + countHidden(byte)),
);
const byteOf: ReadonlyMap<string, number> = new Map(
  characterOf.map((character, byte) => [character, byte]),
);

function isPrintable(byte: number): boolean {
  return (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
}

function countHidden(below: number): number {
  let count = 0;
  for (let byte = 0; byte < below; byte += 1) if (!isPrintable(byte)) count += 1;
  return count;
}

export function toByteAlphabet(text: string): string {
  let spelled = '';
  for (const byte of Buffer.from(text)) spelled += characterOf[byte];
  return spelled;
}

/** Undefined when a character is not in the byte alphabet. */
export function fromByteAlphabet(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let index = 0; index < token.length; index += 1) {
    const byte = byteOf.get(token.charAt(index));
    if (byte === undefined) return undefined;
    bytes[index] = byte;
  }
  return bytes;
}

export function fromSentencePiece(token: string): Uint8Array {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
  return Buffer.from(plainSpaces(token));
}

/** Replaces ▁ by spaces. */
export function plainSpaces(text: string): string {
  return text.includes('▁') ? text.replaceAll('▁', ' ') : text;
}
