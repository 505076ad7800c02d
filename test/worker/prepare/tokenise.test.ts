import test from 'ava';
import type { Message } from '../../../worker/data/sample.ts';
import { createEncoder, type EncodingRules } from '../../../worker/prepare/encode-sample.ts';
import { type Tokenised, tokenise } from '../../../worker/prepare/tokenise.ts';
import {
  type Batch,
  type TimeLimits,
  usualTimeLimits,
} from '../../../worker/prepare/tokenise-batch.ts';
import { chatTemplates } from '../../builders/chat-templates.ts';
import { goldenTokenizer } from '../../builders/tokenizers.ts';

const never = new AbortController().signal;
const { definition } = goldenTokenizer('smollm');
const chatml = { source: chatTemplates.chatml.source, date: new Date(0) };
const usual: EncodingRules = {
  ...{ tokenizer: definition, template: chatml },
  ...{ sequenceLength: 1000, overlength: undefined },
};

function batchOf(texts: readonly string[], file = 0): Batch {
  const items = texts.map((text, index) => ({
    line: index + 1,
    sample: { type: 'Text', text } as const,
  }));
  return { file, items, characters: texts.join('').length };
}

async function all(
  batches: readonly Batch[],
  rules: EncodingRules,
  threads: number,
  timeLimits: TimeLimits = usualTimeLimits,
): Promise<Tokenised[]> {
  const encoding = { rules, encode: createEncoder(rules) };
  async function* source() {
    yield* batches;
  }
  const tokenised: Tokenised[] = [];
  for await (const one of tokenise(source(), encoding, { threads, timeLimits }, never)) {
    tokenised.push(one);
  }
  return tokenised;
}

test('Two threads give what one gives, in the same order', async (t) => {
  const batches = Array.from({ length: 12 }, (_, file) =>
    batchOf([`text ${file}`, 'a'.repeat(file * 50), 'end'], file),
  );
  const alone = await all(batches, usual, 1);
  t.is(alone.length, batches.length);
  t.deepEqual(await all(batches, usual, 2), alone);
});

const backtracking: EncodingRules = {
  ...usual,
  tokenizer: {
    ...definition,
    json: {
      ...definition.json,
      pre_tokenizer: {
        type: 'Split',
        pattern: { Regex: '^(?:[a-z]+)+$' },
        behavior: 'Isolated',
        invert: false,
      },
    },
  },
};
const hostile = batchOf(['fine', `${'a'.repeat(60)}!`, 'fine'], 3);

const isStopped = test.macro({
  title: (_, name: string, threads: number) => `${name} is stopped (${threads} threads)`,
  async exec(t, _name: string, threads: number, batch: Batch, rules: EncodingRules) {
    const limits = { batchMs: 1000, characterMs: 0 };
    t.deepEqual(await all([batch], rules, threads, limits), [
      { file: 3, stuckAt: 2, limitMs: 1000 },
    ]);
  },
});
for (const threads of [1, 2]) {
  test(
    isStopped,
    'A pattern of the tokenizer that backtracks for ever',
    threads,
    hostile,
    backtracking,
  );
}

const loops = (depth: number): string =>
  depth === 0 ? '' : `{% for x${depth} in range(60000) %}${loops(depth - 1)}{% endfor %}`;
const said = (content: string): readonly Message[] => [
  { role: 'user', content, isTarget: false },
  { role: 'assistant', content: 'b', isTarget: true },
];
const looping: EncodingRules = {
  ...usual,
  template: {
    source: `{% if messages[0]['content'] == 'loop' %}${loops(4)}{% endif %}${chatml.source}`,
    date: new Date(0),
  },
};
test(
  isStopped,
  'A chat template whose loops do not come to an end',
  1,
  {
    file: 3,
    items: ['fine', 'loop'].map((content, index) => ({
      line: index + 1,
      sample: { type: 'Chat', messages: said(content) } as const,
    })),
    characters: 10,
  },
  looping,
);

test('A long batch has more time than a short one', async (t) => {
  const limits = { batchMs: 50, characterMs: 1 };
  const [short] = await all([hostile], backtracking, 1, limits);
  t.like(short, { limitMs: 50 + hostile.characters });
});
