// Sounds whose pitch tells the first word that is said, and whose length how many follow.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { wavOf } from '../builders/wav.ts';

const words = ['low', 'middle', 'high'];

/** Under a second of a tone; each `seed` has another loudness, and its length tells `seed % 4`. */
export function toySound(pitch: number, seed: number): Buffer {
  const length = 3000 + 3000 * (seed % 4) + ((173 * seed) % 900);
  const height = 4000 + ((997 * seed) % 9000);
  const turn = (2 * Math.PI * (300 + 900 * pitch)) / 16_000;
  return wavOf(Array.from({ length }, (_, i) => Math.round(height * Math.sin(turn * i))));
}

/** Writes `sounds/N.wav` below `folder`; returns JSON lines that name them with what is said. */
export async function writeToySounds(folder: string, count: number): Promise<string> {
  await mkdir(join(folder, 'sounds'), { recursive: true });
  const lines: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const pitch = i % words.length;
    const audio = `sounds/${i}.wav`;
    await writeFile(join(folder, audio), toySound(pitch, i));
    const text = `${words[pitch]} tone${' again'.repeat(i % 4)}`;
    lines.push(`${JSON.stringify({ audio, text })}\n`);
  }
  return lines.join('');
}
