// The trainers of one pod in one round as the supervisor's decisions see them: processes, what they
// said, and what was asked of them.

import type { Clock } from '../../crds/clock.ts';
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';
import type { Child } from './child.ts';
import { type Ending, type Failure, failureWith } from './end-of-child.ts';
import type { TrainerState, TrainingResult } from './situation.ts';
import {
  hangsAt,
  hear,
  paceOf,
  type Saved,
  startedAt,
  type TrainerFacts,
} from './trainer-facts.ts';
import { startGroup, type TrainerGroup } from './trainer-group.ts';
import { type TrainerName, withName } from './trainer-name.ts';

interface TrainerSettings {
  readonly round: number;
  readonly clock: Clock;
  readonly hangTimeoutSeconds: number;
  /** By their places in the pod. */
  readonly names: readonly (TrainerName | undefined)[];
  readonly start: (place: number, onMessage: (message: Telemetry) => void) => Child;
  /** What they left when they ended well. */
  readonly result: () => Promise<(TrainingResult & { readonly saved: Saved }) | undefined>;
  readonly onChange: () => void;
}

export class TrainerProcess {
  readonly #settings: TrainerSettings;
  readonly #group: TrainerGroup;
  readonly #since: number;
  readonly ended: Promise<void>;
  readonly #facts: TrainerFacts[];
  #lastStep: TelemetryOf<'step'> | undefined;
  #asked: 'Nothing' | 'Stop' = 'Nothing';
  #save = { asked: 0, step: 0 };
  /** Why they were killed, where the supervisor did it. */
  #killedAs: Ending | undefined;
  #state: TrainerState | undefined;

  constructor(settings: TrainerSettings) {
    const { clock, names, start } = settings;
    this.#settings = settings;
    this.#facts = names.map(() => startedAt(clock.monotonic()));
    this.#since = clock.now();
    this.#group = startGroup({
      ...{ count: names.length, clock },
      start: (place) => start(place, (message) => this.#hear(place, message)),
      stepOf: (place) => this.#factsOf(place).step,
      hangOf: (place) => silence(this.#factsOf(place), clock.monotonic()),
    });
    this.ended = this.#follow();
  }

  get round(): number {
    return this.#settings.round;
  }

  /** Of the first of them; all do the same steps. */
  get facts(): TrainerFacts {
    return this.#factsOf(0);
  }

  get lastStep(): TelemetryOf<'step'> | undefined {
    return this.#lastStep;
  }

  /** Median milliseconds of the own work of each in a step; undefined before all know it. */
  get paces(): readonly number[] | undefined {
    const known = this.#facts.flatMap((facts) => paceOf(facts) ?? []);
    return known.length < this.#facts.length ? undefined : known;
  }

  get state(): TrainerState {
    if (this.#state !== undefined) return this.#state;
    const { round, clock } = this.#settings;
    const saved = this.#saved;
    return {
      type: 'Running',
      round,
      since: this.#since,
      asked: this.#asked,
      save: { asked: this.#save.asked, done: saved !== undefined && saved.step >= this.#save.step },
      restored: this.#facts.every(({ firstStep }) => firstStep !== undefined),
      saved,
      hangsAt: clock.now() + this.#firstSilence.at - clock.monotonic(),
    };
  }

  askToStop(): void {
    this.#asked = 'Stop';
    this.#group.say('stop');
  }

  askToSave(value: number): void {
    // A save that goes on may be of before.
    this.#save = { asked: value, step: this.facts.step };
    // Told one, all save: two that hear of it at different steps would save twice.
    this.#group.sayFirst('save');
  }

  /** Others go on from the checkpoint of this step. */
  tellCounted(step: number): void {
    this.#group.say({ counts: step });
  }

  /** SIGKILL; resolves when they are gone. */
  async kill(as: Ending): Promise<void> {
    this.#killedAs ??= as;
    this.#group.kill();
    await this.ended;
  }

  /** Of the one that is silent. */
  hangFailure(): Failure {
    const { clock, names } = this.#settings;
    const { place } = this.#firstSilence;
    return withName(silence(this.#factsOf(place), clock.monotonic()), names[place]);
  }

  get #saved(): Saved | undefined {
    const saved = this.#facts.flatMap((facts) => facts.saved ?? []);
    return saved.toSorted((a, b) => b.step - a.step)[0];
  }

  /** Which of those that run is silent too long first, and from when on. */
  get #firstSilence(): { readonly place: number; readonly at: number } {
    const { hangTimeoutSeconds } = this.#settings;
    const due = [...this.#group.running].map((place) => ({
      place,
      at: hangsAt(this.#factsOf(place), hangTimeoutSeconds),
    }));
    return due.toSorted((a, b) => a.at - b.at)[0] ?? { place: 0, at: Number.POSITIVE_INFINITY };
  }

  #factsOf(place: number): TrainerFacts {
    const facts = this.#facts[place];
    if (facts === undefined) throw new RangeError(`there is no trainer ${place}`);
    return facts;
  }

  #hear(place: number, message: Telemetry): void {
    this.#facts[place] = hear(this.#factsOf(place), message, this.#settings.clock.monotonic());
    if (place === 0 && message.type === 'step') this.#lastStep = message;
    this.#settings.onChange();
  }

  async #follow(): Promise<void> {
    const { round, clock, names } = this.#settings;
    const { place, ending: own } = await this.#group.ended;
    const ending = this.#killedAs ?? (typeof own === 'object' ? withName(own, names[place]) : own);
    const result = ending === 'Done' ? await this.#result() : undefined;
    const saved = result?.saved ?? this.#saved;
    this.#state = { type: 'Ended', round, ending, at: clock.now(), saved, result };
    this.#settings.onChange();
  }

  async #result() {
    // Unreadable is as good as missing: the decision says that nothing was left.
    return this.#settings.result().catch(() => undefined);
  }
}

export function silence({ stage, step, heardAt }: TrainerFacts, nowMs: number): Failure {
  const seconds = Math.round((nowMs - heardAt) / 1000);
  const message = `nothing was heard for ${seconds} s in stage ${stage} after step ${step}`;
  return failureWith('E_HANG', message);
}
