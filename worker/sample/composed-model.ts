// What a name of a sampling stands for: the base, an adapter, or several of them, with what each
// does at each denoising step.
import { picturesTogether } from '../../crds/plan/trajectory.ts';
import type { MadeBy } from '../../crds/sample/record.ts';
import type { PictureComposition, PictureSettings } from '../../crds/sample/settings.ts';
import { firstNoise } from '../denoising/sample.ts';
import { diffusionConfig } from '../diffusion/config.ts';
import type { SamplerConfig } from '../diffusion/sampler-config.ts';
import type { Model } from '../engine/model.ts';
import { stacked } from '../serve/compose.ts';
import { dominance } from '../serve/dominance.ts';
import type { ServedAdapter } from '../serve/served-adapter.ts';
import { adaptedModel } from './adapted-model.ts';
import { composedPictures } from './composed-pictures.ts';
import { highFrequencies } from './frequencies.ts';
import { type Profile, sequencingOf } from './sequencing.ts';
import { dominantPlan, meanPlan, type StepPlan, switchPlan } from './step-plan.ts';
import { turnsOf } from './turns.ts';

/** To be disposed after use: it may own a sum of adapters. */
export interface ComposedModel extends Disposable {
  readonly parts: readonly Model[];
  readonly plan: readonly StepPlan[];
  readonly sequencing?: MadeBy['sequencing'];
}

export interface Given {
  readonly base: Model;
  readonly adapters: ReadonlyMap<string, ServedAdapter>;
  readonly settings: Omit<PictureSettings, 'classes'>;
  readonly classes: readonly number[];
  readonly sampler: SamplerConfig;
}

const nothing = { [Symbol.dispose]: () => {} };

/** An adapter by its name; any other name is that of the base. */
export function singleModel(name: string, { base, adapters, settings }: Given): ComposedModel {
  const adapter = adapters.get(name);
  return alone(adapter === undefined ? base : adaptedModel(base, adapter), settings.steps);
}

function alone(model: Model, steps: number): ComposedModel {
  return { parts: [model], plan: meanPlan([1], steps), ...nothing };
}

/** In `dominant`, in the order of the names: that of a command decides nothing. */
export function composedModel(
  { mode, parts, span }: Omit<PictureComposition, 'name'>,
  given: Given,
): ComposedModel {
  const { base, settings } = given;
  const { steps, caches } = settings;
  const named = mode === 'dominant' ? parts.toSorted(byName) : parts;
  const own = named.flatMap(({ adapter, weight }) => {
    const found = given.adapters.get(adapter);
    return found === undefined ? [] : [{ adapter: found, weight }];
  });
  if (mode === 'merge') {
    const sum = stacked(own);
    return {
      ...alone(adaptedModel(base, sum), steps),
      [Symbol.dispose]: () => sum[Symbol.dispose](),
    };
  }
  const models = own.map(({ adapter }) => adaptedModel(base, adapter));
  const weights = own.map(({ weight }) => weight);
  if (mode === 'logits') return { parts: models, plan: meanPlan(weights, steps), ...nothing };
  if (mode === 'switch') {
    return { parts: models, plan: switchPlan(models.length, steps, span ?? 1), ...nothing };
  }
  if (models.length === 1) return { parts: models, plan: meanPlan([1], steps), ...nothing };
  const names = named.map(({ adapter }) => adapter);
  const profile = profileOf(models, given);
  const order = sequencingOf(profile);
  const plan = dominantPlan(order, { steps, span, caches });
  const nameOf = (part: number): string => names[part] ?? '';
  const sequencing = {
    frequencies: Object.fromEntries(names.map((name, i) => [name, profile.parts[i] ?? 0])),
    ...{ early: order.high.map(nameOf), late: order.rest.map(nameOf), changesAt: order.fallsAt },
    turns: turnsOf(steps, span).map((step, turn) => {
      const leader = nameOf(plan[step]?.leader ?? 0);
      return { step, leader, weight: dominance(names.length, turn) };
    }),
  };
  return { parts: models, plan, sequencing, ...nothing };
}

function byName(a: { readonly adapter: string }, b: { readonly adapter: string }): number {
  return a.adapter < b.adapter ? -1 : 1;
}

/** Of pictures that each part makes alone, of the first noise of the sampling. */
function profileOf(models: readonly Model[], { settings, classes, sampler }: Given): Profile {
  const { steps, guidance, seed } = settings;
  const found = models.map((model) => {
    const config = diffusionConfig(model.config);
    const size = config.channels * config.side ** 2;
    const first = firstNoise(config, picturesTogether, seed);
    const own = Array.from(
      { length: picturesTogether },
      (_, n) => classes[n % classes.length] ?? 0,
    );
    const bySteps: number[] = [];
    composedPictures(
      [model],
      meanPlan([1], steps),
      first,
      { classes: own, guidance, sampler },
      (x) => {
        const each = Array.from({ length: picturesTogether }, (_, n) =>
          highFrequencies(x.subarray(n * size, (n + 1) * size), config),
        );
        bySteps.push(meanOf(each));
      },
    );
    return bySteps;
  });
  return {
    parts: found.map((bySteps) => bySteps.at(-1) ?? 0),
    steps: Array.from({ length: steps }, (_, step) =>
      meanOf(found.map((bySteps) => bySteps[step] ?? 0)),
    ),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
