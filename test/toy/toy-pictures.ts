// Pictures whose brightness tells their class, in colours and grey, and in several sizes.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pngOf } from '../builders/png.ts';

/** Writes `pictures/N.png` below `folder`; returns JSON lines that name them with their classes. */
export async function writeToyPictures(
  folder: string,
  count: number,
  labels: readonly string[],
): Promise<string> {
  await mkdir(join(folder, 'pictures'), { recursive: true });
  const lines: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const place = i % labels.length;
    const [width, height] = [10 + (i % 5), 9 + (i % 4)];
    const channels = i % 7 === 0 ? 1 : 3;
    const samples = Array.from(
      { length: channels * width * height },
      (_, j) => (80 * place + ((37 * j * j + 11 * i) % 60)) % 256,
    );
    const colourType = channels === 1 ? 0 : 2;
    const image = `pictures/${i}.png`;
    await writeFile(join(folder, image), pngOf({ width, height, depth: 8, colourType, samples }));
    lines.push(`${JSON.stringify({ image, label: labels[place] })}\n`);
  }
  return lines.join('');
}
