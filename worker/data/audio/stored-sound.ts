// A sound as a store keeps it: the features that the model reads, up to where nothing but silence
// follows. They have as many bytes as the samples, and nobody has to make them again each time.
import { Bug } from '../../../crds/failures/errors.ts';
import type { LogMel } from './log-mel.ts';

/** Frames that are kept as u32, and the value of all that follow as float32. */
const headBytes = 8;

export function packSound({ filters, frames, values }: LogMel): Uint8Array {
  const silence = values[frames - 1] ?? 0;
  const isSilent = (t: number): boolean => {
    for (let m = 0; m < filters; m += 1) if (values[m * frames + t] !== silence) return false;
    return true;
  };
  let kept = frames;
  while (kept > 0 && isSilent(kept - 1)) kept -= 1;
  const packed = new Uint8Array(headBytes + 4 * filters * kept);
  const view = new DataView(packed.buffer);
  view.setUint32(0, kept, true);
  view.setFloat32(4, silence, true);
  const into = new Float32Array(packed.buffer, headBytes);
  for (let m = 0; m < filters; m += 1) {
    into.set(values.subarray(m * frames, m * frames + kept), m * kept);
  }
  return packed;
}

/** Writes `[filters, frames]` at `at`. */
export function unpackSound(
  packed: Uint8Array,
  { filters, frames }: Pick<LogMel, 'filters' | 'frames'>,
  into: Float32Array,
  at: number,
): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const kept = view.getUint32(0, true);
  if (packed.length !== headBytes + 4 * filters * kept || kept > frames) {
    throw new Bug('a stored sound of other bytes');
  }
  into.fill(view.getFloat32(4, true), at, at + filters * frames);
  for (let m = 0; m < filters; m += 1) {
    for (let t = 0; t < kept; t += 1) {
      into[at + m * frames + t] = view.getFloat32(headBytes + 4 * (m * kept + t), true);
    }
  }
}
