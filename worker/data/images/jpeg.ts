/**
 * JPEG to grey or RGB (ITU-T T.81): baseline and progressive Huffman coding, 8 bits, 1 or 3
 * components. The numeric part does as libjpeg-turbo in the settings of Pillow does (accurate
 * integer transform, smooth upsampling of colour, fixed-point colour conversion), so that the
 * samples are the same to the byte: a model sees what it saw while others trained it.
 */

import type { Image, ImageLimits } from './image.ts';
import { toRgbPixels } from './jpeg-colour.ts';
import { damagedJpeg } from './jpeg-damage.ts';
import { type Component, type Frame, readFrame } from './jpeg-frame.ts';
import { readHuffmanTables } from './jpeg-huffman.ts';
import { type Plane, planeOf } from './jpeg-plane.ts';
import { decodeScan, type ScanTables } from './jpeg-scan.ts';
import { type Segment, segmentFrom } from './jpeg-segments.ts';
import { upsampled } from './jpeg-upsample.ts';

/** Progressive files have some ten; thousands over a large picture would take hours. */
const maxScans = 200;

interface Decoder {
  readonly bytes: Uint8Array;
  readonly limits: ImageLimits;
  readonly tables: ScanTables;
  readonly quantization: (Uint16Array | undefined)[];
  frame: Frame | undefined;
  scans: number;
  isJfif: boolean;
  /** Colour transform that Adobe's segment states. */
  adobe: number | undefined;
  exif: Uint8Array | undefined;
}

/** Throws UnusableRecord for a file that is damaged, too large or of a kind that is not read. */
export function decodeJpeg(
  bytes: Uint8Array,
  limits: ImageLimits,
): { readonly image: Image; readonly exif: Uint8Array | undefined } {
  const decoder: Decoder = {
    ...{ bytes, limits, quantization: [], frame: undefined, scans: 0 },
    tables: { dc: [], ac: [], restartInterval: 0 },
    ...{ isJfif: false, adobe: undefined, exif: undefined },
  };
  for (let at = 2; ; ) {
    const segment = segmentFrom(bytes, at);
    if (segment.marker === 0xd9) break;
    at = take(decoder, segment);
  }
  const { frame, exif } = decoder;
  if (frame === undefined || decoder.scans === 0) throw damagedJpeg('has no picture');
  return { image: finish(decoder, frame), exif };
}

/** What a segment says goes into the decoder; the place behind it. */
function take(decoder: Decoder, { marker, body, end }: Segment): number {
  const { tables } = decoder;
  const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
  if (isFrame) {
    if (decoder.frame !== undefined) throw damagedJpeg('has two frames');
    decoder.frame = readFrame(marker, body, decoder.limits);
  } else if (marker === 0xc4) {
    for (const { isAc, id, table } of readHuffmanTables(body))
      (isAc ? tables.ac : tables.dc)[id] = table;
  } else if (marker === 0xdb) readQuantization(decoder.quantization, body);
  else if (marker === 0xdd) tables.restartInterval = word(body, 0);
  else if (marker === 0xe0 && startsWith(body, 'JFIF\0')) decoder.isJfif = true;
  else if (marker === 0xe1 && startsWith(body, 'Exif\0\0')) decoder.exif ??= body.subarray(6);
  else if (marker === 0xee && startsWith(body, 'Adobe') && body.length >= 12) {
    decoder.adobe = body[11];
  } else if (marker === 0xda) return scan(decoder, body, end);
  return end;
}

function scan(decoder: Decoder, header: Uint8Array, start: number): number {
  const { frame, quantization } = decoder;
  if (frame === undefined) throw damagedJpeg('has a scan before its frame');
  decoder.scans += 1;
  if (decoder.scans > maxScans) throw damagedJpeg(`has more than ${maxScans} scans`);
  return decodeScan(decoder.bytes, start, header, frame, decoder.tables, (component) => {
    // A later table of the same number is one for later scans.
    component.quantization ??= quantization[component.quantizationId];
  });
}

function readQuantization(tables: (Uint16Array | undefined)[], body: Uint8Array): void {
  for (let at = 0; at < body.length; ) {
    const head = body[at] ?? 0;
    const [isWide, id] = [head >> 4 === 1, head & 15];
    const length = isWide ? 128 : 64;
    if (head >> 4 > 1 || id > 3 || at + 1 + length > body.length) {
      throw damagedJpeg('has a quantization table that is cut or unknown');
    }
    const table = new Uint16Array(64);
    for (let i = 0; i < 64; i += 1) {
      table[i] = isWide ? word(body, at + 1 + 2 * i) : (body[at + 1 + i] ?? 0);
    }
    tables[id] = table;
    at += 1 + length;
  }
}

function finish(decoder: Decoder, frame: Frame): Image {
  const { width, height, components } = frame;
  const planes = components.map((component) => fullPlane(component, frame));
  const [first, second, third] = planes;
  if (first === undefined || second === undefined || third === undefined) {
    return { width, height, channels: 1, pixels: first?.samples ?? new Uint8Array(0) };
  }
  const isYcc = isLumaChroma(decoder, components);
  const pixels = toRgbPixels([first, second, third], isYcc);
  return { width, height, channels: 3, pixels };
}

function fullPlane(component: Component, frame: Frame): Plane {
  return upsampled(planeOf(component, frame), component, frame);
}

/** As libjpeg guesses: JFIF, else what Adobe states, else the names of the components. */
function isLumaChroma({ isJfif, adobe }: Decoder, components: readonly Component[]): boolean {
  if (isJfif) return true;
  if (adobe !== undefined) return adobe !== 0;
  return components.map(({ id }) => String.fromCharCode(id)).join('') !== 'RGB';
}

function startsWith(body: Uint8Array, text: string): boolean {
  return [...text].every((character, at) => body[at] === character.charCodeAt(0));
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
