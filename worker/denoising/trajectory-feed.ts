// The trainer's data where there are none: at each step the base denoises the trajectories of this
// rank once more, and the student gets what it found. A position of the data names a run of
// trajectories and a denoising step, so a trainer that resumes denoises from the noise of the run
// on, and goes on with the same bits.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { Bug, invariant } from '../../crds/failures/errors.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import type { Batch } from '../data/batch.ts';
import type { Feed } from '../data/feed.ts';
import { diffusionConfig } from '../diffusion/config.ts';
import { linearSampler } from '../diffusion/sampler-config.ts';
import { frozenModel, type ModelSource } from '../engine/build-model.ts';
import type { RoundedInputs } from '../engine/input-parameters.ts';
import type { Model } from '../engine/model.ts';
import type { ModelConfig } from '../families/family.ts';
import { dtypeOf } from '../methods/index.ts';
import type { Device } from '../tensor/device.ts';
import { scaleAware } from './efficient-dm.ts';
import { inputRanges } from './input-ranges.ts';
import { Trajectory, type TrajectoryPoint, type TrajectorySettings } from './trajectory.ts';
import { trajectorySequence } from './trajectory-sequence.ts';
import { membersOf, trajectorySizes } from './trajectory-sizes.ts';

interface Opened {
  readonly spec: FineTuneJobSpec;
  readonly method: ResolvedMethod;
  readonly source: ModelSource;
  readonly device: Device;
  readonly rank: number;
  readonly size: number;
}

/** Most pictures by which ranges of inputs are chosen. */
const picturesOfRanges = 32;

export function openTrajectoryFeed(opened: Opened): Feed {
  const { spec, method, source, device, rank, size } = opened;
  const sizes = trajectorySizes(spec, source.config, size);
  const config = diffusionConfig(source.config);
  const settings = settingsOf(spec);
  const rows = rowsOf(method, settings);
  let base: Model | null = null;
  const full = (): Model => {
    base ??= frozenModel(source, { dtype: dtypeOf(method), device, sequenceLength: undefined });
    return base;
  };
  const members = membersOf(sizes, { rank, size });
  const walk = new Walk(() => full(), members, settings);
  return {
    ...sizes,
    batch(position): Batch {
      const row = Math.floor(((position % settings.steps) * rows) / settings.steps);
      const times = settings.sampler.betas.steps;
      const { guidance } = settings;
      return {
        sequences: walk
          .at(position)
          .map((point, i) =>
            trajectorySequence(config, point, { guidance, row, times, key: members[i]?.[0] ?? 0 }),
          ),
        targetTokens: sizes.sequencesPerStep,
        tokens: sizes.sequencesPerStep * sizes.largestSequence,
        epoch: position / settings.steps,
      };
    },
    following(options) {
      const { inputs = null } = options;
      if (inputs === null) return scaleAware(options, new Map());
      return scaleAware(options, rangesOf(full(), inputs, settings, sizes.sequencesPerStep));
    },
    ...nothing,
    get training() {
      return noRecords();
    },
    [Symbol.dispose]() {
      walk[Symbol.dispose]();
      base?.parameters[Symbol.dispose]();
    },
  };
}

const nothing = { evaluationSequences: () => [], allSequences: () => noRecords() };

/** Of a job that trains nothing and has no records. */
export function feedOfNothing(spec: FineTuneJobSpec, { contextLength }: ModelConfig): Feed {
  return {
    ...trajectorySizes(spec, { contextLength }),
    ...nothing,
    batch: () => noRecords(),
    get training() {
      return noRecords();
    },
    [Symbol.dispose]() {},
  };
}

function rangesOf(
  full: Model,
  { grid }: RoundedInputs,
  settings: TrajectorySettings,
  perStep: number,
) {
  return inputRanges(full, grid, settings, Math.min(perStep, picturesOfRanges));
}

function settingsOf({ training }: FineTuneJobSpec): TrajectorySettings {
  const { trajectory, seed } = training;
  invariant(trajectory !== undefined, 'a job without records has no trajectories');
  const { steps, guidance } = trajectory;
  return { sampler: linearSampler, steps, guidance: Number(guidance), seed };
}

/** Of the tables of inputs. */
function rowsOf({ base }: ResolvedMethod, { steps }: TrajectorySettings): number {
  return base.type === 'FakeQuantized' ? (base.fakeQuantized.inputs?.steps ?? steps) : steps;
}

/** The trajectories of a rank, in micro-batches, on their way. */
class Walk implements Disposable {
  readonly #full: () => Model;
  readonly #members: readonly (readonly number[])[];
  readonly #settings: TrajectorySettings;
  #run = -1;
  /** Denoising steps that were taken of the run. */
  #taken = 0;
  #trajectories: readonly Trajectory[] = [];

  constructor(
    full: () => Model,
    members: readonly (readonly number[])[],
    settings: TrajectorySettings,
  ) {
    this.#full = full;
    this.#members = members;
    this.#settings = settings;
  }

  /** The points of a position, by micro-batch. */
  at(position: number): readonly TrajectoryPoint[] {
    const { steps } = this.#settings;
    const [run, step] = [Math.floor(position / steps), position % steps];
    if (run !== this.#run || step < this.#taken) this.#begin(run);
    while (this.#taken < step) this.#next();
    return this.#next();
  }

  #begin(run: number): void {
    this[Symbol.dispose]();
    this.#run = run;
    this.#taken = 0;
    this.#trajectories = this.#members.map(
      (own) => new Trajectory(this.#full(), run, own, this.#settings),
    );
  }

  #next(): readonly TrajectoryPoint[] {
    this.#taken += 1;
    return this.#trajectories.map((one) => one.next());
  }

  [Symbol.dispose](): void {
    for (const one of this.#trajectories) one[Symbol.dispose]();
    this.#trajectories = [];
  }
}

function noRecords(): never {
  throw new Bug('the job has no records');
}
