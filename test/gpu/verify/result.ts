// What `npm run gpu:verify` found, as a file and as a table.
import * as z from 'zod';

const figure = z.object({ name: z.string(), value: z.number(), unit: z.string() });

/** What one step found. Without failures it has passed, as far as it was not left out. */
export const found = z.object({
  figures: z.array(figure),
  failures: z.array(z.string()),
  /** What this machine cannot show, and why. */
  leftOut: z.array(z.string()),
});

const verified = found.extend({
  name: z.string(),
  title: z.string(),
  seconds: z.number().min(0),
  outcome: z.enum(['Passed', 'Failed', 'LeftOut']),
});

export const verification = z.object({
  version: z.literal(1),
  /** ISO 8601. */
  began: z.string(),
  anneal: z.string(),
  libtorch: z.string(),
  device: z.object({
    name: z.string(),
    /** Absent where the driver does not tell. */
    bytes: z.int().optional(),
    driver: z.string(),
    capability: z.string(),
    isEmulated: z.boolean(),
  }),
  steps: z.array(verified),
});

export type Figure = z.infer<typeof figure>;
export type Found = z.infer<typeof found>;
export type Verified = z.infer<typeof verified>;
export type Verification = z.infer<typeof verification>;

const outcomes = { Passed: 'passed', Failed: '**failed**', LeftOut: 'left out' } as const;

/** Markdown, for docs/figures.md. */
export function tableOf({ began, anneal, libtorch, device, steps }: Verification): string {
  const what = device.isEmulated ? 'the emulated device' : device.name;
  const machine = `Anneal ${anneal}, libtorch ${libtorch}, driver ${device.driver}`;
  const rows = steps.flatMap((step) => [
    `| ${step.title} | ${outcomes[step.outcome]} | ${step.seconds.toFixed(0)} s |`,
    ...step.figures.map(({ name, value, unit }) => `| ${name} | ${rounded(value)} | ${unit} |`),
    ...step.failures.map((words) => `| ${cell(words)} | **failed** | |`),
    ...step.leftOut.map((words) => `| ${cell(words)} | left out | |`),
  ]);
  return [
    `Verified on ${what} (${machine}), ${began.slice(0, 10)}:`,
    '',
    '| what | result | |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function rounded(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(1) : value.toFixed(2);
}

function cell(words: string): string {
  return words.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
}
