// Tasks of lm-eval on questions about sums, in files of this machine.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const sums = Array.from({ length: 12 }, (_, i) => [(5 * i + 2) % 50, (11 * i + 7) % 50] as const);
export const asked = sums.map(([a, b]) => `user: what is ${a} and ${b}\nassistant:`);
const wrong = [1, 10, -2];
export const choices = sums.map(([a, b]) =>
  [a + b, ...wrong.map((w) => a + b + w)].map((n) => ` it is ${n}`),
);
export const texts = asked.map((text, i) => `${text}${choices[i]?.[i % 4]}, é and 🦊`);
export const maxLength = 128;
/** Tokens of a text that is made. */
export const most = 8;
/** What ends it. */
const until = ['ed', ' dx', '\n'];

/** What a model says to a prompt. */
export interface Greedy {
  readonly text: string;
  /** Its first token. */
  readonly first: string;
  /** By how much the nearest of its tokens was the likeliest. */
  readonly lead: number;
}

/** A text up to the first of what ends it. */
export function cut(text: string): string {
  const ends = until.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return text.slice(0, Math.min(text.length, ...ends));
}

/** A task file, and its documents beside it. */
async function writeTask(
  folder: string,
  name: string,
  documents: readonly object[],
  more: object,
): Promise<void> {
  const data = join(folder, `${name}.jsonl`);
  await writeFile(data, documents.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const task = {
    ...{ task: name, dataset_path: 'json', dataset_kwargs: { data_files: { test: data } } },
    ...{ test_split: 'test', metadata: { version: 1 }, ...more },
  };
  // JSON is YAML.
  await writeFile(join(folder, `${name}.yaml`), JSON.stringify(task));
}

export async function writeTasks(folder: string, answers: readonly Greedy[]): Promise<void> {
  await mkdir(folder);
  const documents = asked.map((text, i) => ({ text, choices: choices[i], answer: 0 }));
  const means = (metrics: readonly string[]) => metrics.map((metric) => ({ metric }));
  await writeTask(folder, 'choice', documents, {
    ...{ output_type: 'multiple_choice', doc_to_text: '{{text}}', target_delimiter: '' },
    ...{ doc_to_choice: '{{choices}}', doc_to_target: '{{answer}}' },
    metric_list: means(['acc', 'acc_norm']),
  });
  await writeTask(
    folder,
    'rolling',
    texts.map((text) => ({ text })),
    {
      ...{ output_type: 'loglikelihood_rolling', doc_to_text: '', doc_to_target: '{{text}}' },
      metric_list: means(['word_perplexity', 'byte_perplexity', 'bits_per_byte']),
    },
  );
  const first = asked.map((text, i) => ({ text, target: answers[i]?.first }));
  await writeTask(folder, 'likeliest', first, {
    ...{ output_type: 'loglikelihood', doc_to_text: '{{text}}', doc_to_target: '{{target}}' },
    ...{ target_delimiter: '', metric_list: means(['acc', 'perplexity']) },
  });
  const targets = asked.map((text, i) => ({ text, target: cut(answers[i]?.text ?? '') }));
  await writeTask(folder, 'generated', targets, {
    ...{ output_type: 'generate_until', doc_to_text: '{{text}}', doc_to_target: '{{target}}' },
    generation_kwargs: { until, max_gen_toks: most, temperature: 0 },
    metric_list: [{ metric: 'exact_match', aggregation: 'mean', higher_is_better: true }],
  });
}
