// Clips of a square that moves over noise, as folders of frames.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pngOf } from '../../worker/data/images/write-png.ts';
import { samplesOf } from '../builders/pictures.ts';

const size = { width: 30, height: 24 };
const side = 7;

/** Of a clip and a frame: where the square begins. */
function placeOf(clip: number, frame: number): readonly [left: number, top: number] {
  return [(3 * clip + 2 * frame) % (size.width - side), (5 * clip + frame) % (size.height - side)];
}

/** The folder has the folder of each clip. */
export async function makeClips(folder: string, clips: number, frames = 5): Promise<string> {
  for (let clip = 0; clip < clips; clip += 1) {
    const to = join(folder, `clip-${clip}`);
    await mkdir(to, { recursive: true });
    const lines: string[] = [];
    for (let frame = 0; frame < frames; frame += 1) {
      const [left, top] = placeOf(clip, frame);
      lines.push(`${left},${top},${side},${side}`);
      const pixels = Uint8Array.from(samplesOf(clip, 3 * size.width * size.height), (value, i) => {
        const [x, y] = [Math.trunc(i / 3) % size.width, Math.trunc(i / (3 * size.width))];
        const isIn = x >= left && x < left + side && y >= top && y < top + side;
        return isIn ? 255 : value >> 2;
      });
      await writeFile(join(to, `${frame + 1}.png`), pngOf({ ...size, channels: 3, pixels }));
    }
    await writeFile(join(to, 'groundtruth.txt'), `${lines.join('\n')}\n`);
  }
  return folder;
}
