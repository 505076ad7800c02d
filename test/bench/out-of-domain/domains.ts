/**
 * What is heard: a high synthetic voice, as children have, to learn and held out; and three domains
 * that are not learned. Sentences are those of real conversations, and none is in two domains but
 * with noise, which has those that are held out.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { digestOf } from '../../../crds/plan/digest.ts';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';
import { wavOf } from '../../builders/wav.ts';
import { type Spoken, speak } from '../../setup/espeak.ts';
import { libriVox } from '../../setup/librivox.ts';
import { sentences } from '../sentences.ts';

/** Folders below that of all, with their `data.jsonl`. */
export const domains = {
  learned: 'high voice, held out',
  noise: 'the same with noise',
  other: 'low voice of Scotland',
  read: 'a person (LibriVox)',
} as const;

export type Domain = keyof typeof domains;

const counts = { train: 160, heldOut: 40 };
/** Decibels of the sound over the noise. */
const overNoise = 10;
const high = { voice: 'en-us', pitch: [90, 99], speed: [140, 200] } as const;
const low = { voice: 'en-gb-scotland', pitch: [15, 35], speed: [140, 200] } as const;

/** The folder has `train`, and the folder of each domain. */
export function soundsOfDomains(setup: Setup): Promise<string> {
  const key = digestOf({ counts, apart, overNoise, high, low }).slice(0, 12);
  return ensureEntry(setup, {
    folder: join(setup.cache.root, `bench/domains-${key}`),
    inside: 'domains',
    bytes: 200_000_000,
    async make(staging) {
      const texts = await shortSentences(setup, counts.train + 2 * counts.heldOut);
      const heldOut = counts.train + counts.heldOut;
      const spoken = [
        ...texts.slice(0, heldOut).map((text, i) => voiced(text, high, i)),
        ...texts.slice(heldOut).map((text, i) => voiced(text, low, i)),
      ];
      const sounds = await speak(setup, spoken, staging);
      const all = sounds.map((samples, i) => ({ samples, text: texts[i] ?? '' }));
      const folder = join(staging, 'domains');
      const held = all.slice(counts.train, heldOut);
      await writeSounds(join(folder, 'train'), all.slice(0, counts.train));
      await writeSounds(join(folder, 'learned'), held);
      const noisy = held.map(({ samples, text }, i) => ({ samples: withNoise(samples, i), text }));
      await writeSounds(join(folder, 'noise'), noisy);
      await writeSounds(join(folder, 'other'), all.slice(heldOut));
      await copySounds(join(folder, 'read'), await libriVox(setup));
    },
  });
}

/** Neighbours are of one conversation, and say much the same. */
const apart = 5;

/** Different ones of words alone. */
async function shortSentences(setup: Setup, count: number): Promise<readonly string[]> {
  const found = new Set<string>();
  const file = join(await ensureDemo(setup), 'sharegpt.json');
  for await (const sentence of sentences(file, setup.signal)) {
    const words = sentence.split(' ').length;
    if (words <= 11 && /^[A-Z][a-z' ,]+[.?!]$/.test(sentence)) found.add(sentence);
    if (found.size === count * apart) return [...found].filter((_, i) => i % apart === 0);
  }
  throw new Error(`${file} has ${found.size} short sentences; ${count * apart} are needed`);
}

function voiced(
  text: string,
  { voice, pitch, speed }: typeof high | typeof low,
  i: number,
): Spoken {
  const draws = drawsOf(streamOf(1, 'voices', voice, i));
  const within = ([least, most]: readonly [number, number]) =>
    least + draws.below(most - least + 1);
  return { text, voice, pitch: within(pitch), speed: within(speed) };
}

/** White, of equal loudness all the time. */
function withNoise(samples: readonly number[], i: number): readonly number[] {
  const draws = drawsOf(streamOf(1, 'noise', i));
  const power = samples.reduce((sum, value) => sum + value ** 2, 0) / samples.length;
  // A uniform number from -1 to 1 has a variance of a third.
  const size = Math.sqrt((3 * power) / 10 ** (overNoise / 10));
  return samples.map((value) => {
    const noisy = Math.round(value + size * (2 * draws.uniform() - 1));
    return Math.max(-32_768, Math.min(32_767, noisy));
  });
}

interface Sound {
  readonly samples: readonly number[];
  readonly text: string;
}

async function writeSounds(folder: string, sounds: readonly Sound[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const [i, { samples, text }] of sounds.entries()) {
    await writeFile(join(folder, `${i}.wav`), wavOf(samples));
    lines.push(`${JSON.stringify({ audio: `${i}.wav`, text })}\n`);
  }
  await writeFile(join(folder, 'data.jsonl'), lines.join(''));
}

async function copySounds(folder: string, sounds: Awaited<ReturnType<typeof libriVox>>) {
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const { audio, text } of sounds) {
    await copyFile(audio, join(folder, basename(audio)));
    lines.push(`${JSON.stringify({ audio: basename(audio), text })}\n`);
  }
  await writeFile(join(folder, 'data.jsonl'), lines.join(''));
}
