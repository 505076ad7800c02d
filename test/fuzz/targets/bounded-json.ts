// What is counted before a text is parsed, held against what is there once it is: the scan and the
// parser must never see two texts.
import { type JsonLimit, parseJson, RefusedBytes } from '../../../crds/text/json.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

const limit: JsonLimit = { bytes: 4096, depth: 40, values: 300 };
const unbounded: JsonLimit = { bytes: 4096, depth: 4096, values: 8192 };

export const target: Target = {
  // The rest of the grammar is in the words, so that there is something to reach.
  seeds: ['{"a":[1]}'],
  words: [
    ...nests,
    '[[],{}],',
    '\\u005b\\ud800',
    '-1.5e3',
    '"',
    '\\',
    '\\"',
    '\\\\"',
    ',',
    ':',
    'null',
    'true',
    '-0',
    '1e400',
    '""',
  ],
  run(bytes) {
    const whole = read(bytes, unbounded);
    const bounded = read(bytes, limit);
    if (whole === undefined) {
      if (bounded !== undefined) throw new Error('the smaller limit reads what the larger refuses');
      return;
    }
    // Of what is refused nothing is asked: the last of two equal keys is all that is left of them.
    if (bounded === undefined) return;
    const { depth, values } = measure(bounded.value);
    if (depth > limit.depth) throw new Error(`depth ${depth} is read`);
    if (values > limit.values) throw new Error(`${values} values are read`);
  },
};

function read(bytes: Uint8Array, within: JsonLimit): { readonly value: unknown } | undefined {
  try {
    return { value: parseJson(bytes, within) };
  } catch (error) {
    if (error instanceof RefusedBytes) return undefined;
    throw error;
  }
}

function measure(root: unknown): { readonly depth: number; readonly values: number } {
  let [depth, values] = [0, 0];
  for (let level: unknown[] = [root]; level.length > 0; depth += 1) {
    values += level.length;
    const inside = level.filter((each) => typeof each === 'object' && each !== null);
    if (inside.length === 0) return { depth, values };
    level = inside.flatMap((each) => Object.values(each as object));
    if (level.length === 0) return { depth: depth + 1, values };
  }
  return { depth, values };
}
