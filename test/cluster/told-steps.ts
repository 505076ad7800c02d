// Steps of a job as its trainers write them on the volume, which on our cluster is a folder of this
// machine: which round did which step, and when.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, type Patience } from '../doubles/eventually.ts';

interface ToldStep {
  readonly round: number;
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export class ToldSteps {
  readonly #folder: string;
  readonly #patience: Patience;

  /** `folder` of the claim; `inWords` tells how the job stands when a step does not come. */
  constructor(folder: string, inWords: () => Promise<string>) {
    this.#folder = folder;
    this.#patience = { withinMs: 240_000, everyMs: 50, inWords };
  }

  /** Of the newest round that has begun a step. */
  get last(): ToldStep {
    const steps = this.#rounds().map((round) => this.#stepsOf(round));
    return steps.findLast((of) => of.length > 0)?.at(-1) ?? { round: 0, step: 0, at: 0 };
  }

  of(round: number): readonly ToldStep[] {
    return this.#stepsOf(round);
  }

  async untilStep(step: number): Promise<void> {
    await eventually(`step ${step} is done`, () => this.last.step >= step, this.#patience);
  }

  /** The first step that a round after this one did. */
  async firstAfter(round: number): Promise<ToldStep> {
    let found: ToldStep | undefined;
    await eventually(
      `a round after ${round} trains`,
      () => {
        const later = this.#rounds().filter((each) => each > round);
        found = later.flatMap((each) => this.#stepsOf(each))[0];
        return found !== undefined;
      },
      this.#patience,
    );
    if (found === undefined) throw new Error('unreachable');
    return found;
  }

  /** Where a round keeps its checkpoints. */
  checkpointsOf(round: number): string {
    return join(this.#runFolder(), `round-${round}`, 'checkpoints');
  }

  /** Step of the checkpoint that counted last, as the volume remembers it; 0 before the first. */
  get committedStep(): number {
    const found = text(join(this.#runFolder(), 'committed.json'));
    return found === '' ? 0 : Number((JSON.parse(found) as { step: number }).step);
  }

  #rounds(): readonly number[] {
    return names(this.#runFolder())
      .flatMap((name) => /^round-(\d+)$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  #stepsOf(round: number): readonly ToldStep[] {
    const file = join(this.#runFolder(), `round-${round}`, 'telemetry.jsonl');
    return text(file)
      .split('\n')
      .filter((line) => line.includes('"type":"step"') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as { step: number; time: number })
      .map(({ step, time }) => ({ round, step, at: time * 1000 }));
  }

  #runFolder(): string {
    const runs = join(this.#folder, '.anneal/runs');
    return join(runs, names(runs)[0] ?? '');
  }
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not made yet
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not made yet, or removed a moment ago
  }
}
