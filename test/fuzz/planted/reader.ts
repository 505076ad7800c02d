// A reader with planted faults, one behind each letter; only block coverage leads to them.
import { writeFileSync } from 'node:fs';
import { UserError } from '../../../crds/failures/errors.ts';
import type { Target } from '../target.ts';

/** A target in which only the fault of this letter is awake. */
export function planted(letter: string): Target {
  const wanted = letter.charCodeAt(0);
  return {
    seeds: ['....'],
    words: [letter],
    run: (bytes) => readPlanted(bytes, bytes[3] === wanted ? letter : ''),
  };
}

function readPlanted([first, second, third]: Uint8Array, letter: string): void {
  if (first === 0x61) {
    if (second === 0x6e) {
      if (third === 0x6e) faulty(letter);
    }
  }
  throw new UserError({ code: 'E_INVALID_DATA', message: 'the input is not planted' });
}

const held: unknown[] = [];

function faulty(letter: string): void {
  switch (letter) {
    case 'c':
      throw new RangeError('planted');
    case 'm':
      held.push(new Uint8Array(1 << 30));
      break;
    case 'w':
      writeFileSync(`${import.meta.dirname}/written`, 'planted');
      break;
    case 'h':
      for (let turns = 0; ; turns += 1) if (turns < 0) break;
      break;
    case 's':
      wait(1500);
      break;
  }
}

/** In processor time of this thread. */
function wait(ms: number): void {
  const began = process.threadCpuUsage();
  while (process.threadCpuUsage(began).user < ms * 1000);
}
