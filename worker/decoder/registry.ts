// The families of models that work. A new one is a folder of its own and a row here; what it
// computes is a row in engine/networks.ts.
import { Bug, UserError } from '../../crds/failures/errors.ts';
import type { ModelFacts } from '../../crds/plan/model-facts.ts';
import { inWords } from '../../crds/schema/text.ts';
import { clipFamily } from '../clip/family.ts';
import { diffusionFamily } from '../diffusion/family.ts';
import { encoderFamily } from '../encoder/family.ts';
import type { Family, FamilyKind, ModelConfig, Places, ReadOptions } from '../families/family.ts';
import { restorationFamily } from '../restoration/family.ts';
import { isOfTracker } from '../tracking/config.ts';
import { trackingFamily } from '../tracking/family.ts';
import { visionFamily } from '../vision/family.ts';
import { whisperFamily } from '../whisper/family.ts';
import { decoderFamily } from './family.ts';

const modelFamilies: Readonly<Record<FamilyKind, Family>> = {
  decoder: decoderFamily,
  encoder: encoderFamily,
  vision: visionFamily,
  diffusion: diffusionFamily,
  restoration: restorationFamily,
  speech: whisperFamily,
  imageText: clipFamily,
  tracking: trackingFamily,
};
const all = Object.values(modelFamilies);

/** The record of a parsed `config.json`, by the family that reads its `model_type`. */
export function readModelConfig(json: unknown, options: ReadOptions = {}): ModelConfig {
  const family = readerOf(json, options);
  // What no family knows is refused by the reader that knows most of what can be wrong.
  const config = (family ?? modelFamilies.decoder).read(json, options);
  if (options.labels !== undefined && family === modelFamilies.decoder) {
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path: options.path ?? 'config.json',
      value: config.family,
      message:
        `the model is a ${config.family}, which has no head for ${options.labels} classes; ` +
        `models that have one are ${inWords([...encoderFamily.names, ...visionFamily.names], 'and')}`,
    });
  }
  return config;
}

/** A tracker has the type of its trunk. */
function readerOf(json: unknown, { tracking }: ReadOptions): Family | undefined {
  const isTracker = typeof json === 'object' && json !== null && isOfTracker(json);
  if (tracking !== undefined || isTracker) return trackingFamily;
  const type = typeOf(json);
  return all.find(({ modelTypes }) => modelTypes.some((each) => each === type));
}

/** diffusers names the class of a model where transformers names its type. */
function typeOf(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return undefined;
  if ('model_type' in json) return json.model_type;
  return '_class_name' in json ? json._class_name : undefined;
}

export function familyOf({ kind }: ModelConfig): Family {
  return modelFamilies[kind];
}

/** What plans depend on. `made`: names of the tensors that the files lack. */
export function factsOf(
  config: ModelConfig,
  { made }: { readonly made: readonly string[] } = nothingMade,
): ModelFacts {
  return familyOf(config).facts(config, made);
}

const nothingMade = { made: [] };

/** The places of a model, in the order of its tensors. */
export function placesOf(config: ModelConfig): Places {
  const family = familyOf(config);
  const order = [...new Set(family.tensors(config).map(({ place }) => place))];
  const [inlet, outlet] = [order[0], order.at(-1)];
  const blocks = order.filter((place) => typeof place === 'number');
  const isInOrder = blocks.length === config.L && blocks.every((block, i) => block === i);
  if (typeof inlet !== 'string' || typeof outlet !== 'string' || !isInOrder) {
    throw new Bug(`a ${config.family} has the places ${order.join(', ')}`);
  }
  return { order, inlet, outlet, isTied: family.tied(config) !== null };
}
