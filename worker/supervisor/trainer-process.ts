// The trainer of one round as the supervisor's decisions see it: a process, what it said, and what
// was asked of it.

import type { Clock } from '../../crds/clock.ts';
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';
import type { Child } from './child.ts';
import { type Ending, endingOf, type Failure, failureWith } from './end-of-child.ts';
import type { TrainerState, TrainingResult } from './situation.ts';
import { hangsAt, hear, type Saved, startedAt, type TrainerFacts } from './trainer-facts.ts';

interface TrainerSettings {
  readonly round: number;
  readonly clock: Clock;
  readonly hangTimeoutSeconds: number;
  readonly start: (onMessage: (message: Telemetry) => void) => Child;
  /** What it left when it ended well. */
  readonly result: () => Promise<(TrainingResult & { readonly saved: Saved }) | undefined>;
  readonly onChange: () => void;
}

export class TrainerProcess {
  readonly #settings: TrainerSettings;
  readonly #child: Child;
  readonly #since: number;
  readonly ended: Promise<void>;
  #facts: TrainerFacts;
  #lastStep: TelemetryOf<'step'> | undefined;
  #asked: 'Nothing' | 'Stop' = 'Nothing';
  #save = { asked: 0, step: 0 };
  /** Why it was killed, where the supervisor did it. */
  #killedAs: Ending | undefined;
  #state: TrainerState | undefined;

  constructor(settings: TrainerSettings) {
    this.#settings = settings;
    this.#facts = startedAt(settings.clock.monotonic());
    this.#since = settings.clock.now();
    this.#child = settings.start((message) => this.#hear(message));
    this.ended = this.#follow();
  }

  get round(): number {
    return this.#settings.round;
  }

  get facts(): TrainerFacts {
    return this.#facts;
  }

  get lastStep(): TelemetryOf<'step'> | undefined {
    return this.#lastStep;
  }

  get state(): TrainerState {
    if (this.#state !== undefined) return this.#state;
    const { round, clock, hangTimeoutSeconds } = this.#settings;
    const { saved, firstStep } = this.#facts;
    const silence = hangsAt(this.#facts, hangTimeoutSeconds) - clock.monotonic();
    return {
      type: 'Running',
      round,
      since: this.#since,
      asked: this.#asked,
      save: { asked: this.#save.asked, done: saved !== undefined && saved.step >= this.#save.step },
      restored: firstStep !== undefined,
      saved,
      hangsAt: clock.now() + silence,
    };
  }

  askToStop(): void {
    this.#asked = 'Stop';
    this.#child.say('stop');
  }

  askToSave(value: number): void {
    // A save that goes on may be of before.
    this.#save = { asked: value, step: this.#facts.step };
    this.#child.say('save');
  }

  /** Others go on from the checkpoint of this step. */
  tellCounted(step: number): void {
    this.#child.say({ counts: step });
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(as: Ending): Promise<void> {
    this.#killedAs ??= as;
    this.#child.kill();
    await this.ended;
  }

  #hear(message: Telemetry): void {
    this.#facts = hear(this.#facts, message, this.#settings.clock.monotonic());
    if (message.type === 'step') this.#lastStep = message;
    this.#settings.onChange();
  }

  async #follow(): Promise<void> {
    const { round, clock } = this.#settings;
    const end = await this.#child.ended;
    const ending = this.#killedAs ?? endingOf(end, this.#facts.step);
    const result = ending === 'Done' ? await this.#result() : undefined;
    const saved = result?.saved ?? this.#facts.saved;
    this.#state = { type: 'Ended', round, ending, at: clock.now(), saved, result };
    this.#settings.onChange();
  }

  async #result() {
    // Unreadable is as good as missing: the decision says that nothing was left.
    return this.#settings.result().catch(() => undefined);
  }
}

export function hangFailure({ stage, step }: TrainerFacts, silentMs: number): Failure {
  const seconds = Math.round(silentMs / 1000);
  return failureWith(
    'E_HANG',
    `nothing was heard for ${seconds} s in stage ${stage} after step ${step}`,
  );
}
