// Decoder language models as a family of models.
import { decoderFacts } from '../../crds/plan/model-facts.ts';
import type { Family } from '../families/family.ts';
import { type DecoderConfig, readConfig } from './config.ts';
import { families, familyNames } from './families.ts';
import { canonicalName, tensorName, tensorSpecs } from './names.ts';

export const decoderFamily: Family<DecoderConfig> = {
  kind: 'decoder',
  names: familyNames,
  modelTypes: familyNames.flatMap((name) => families[name].modelTypes),
  read: readConfig,
  tensors: tensorSpecs,
  tied: (config) =>
    config.tied ? { name: tensorName(config, 'head'), to: tensorName(config, 'embedding') } : null,
  canonical: canonicalName,
  namesInFiles: (name) => [name],
  targets: 'Tokens',
  ...{ taskType: 'CAUSAL_LM', pipelineTag: 'text-generation' },
  facts: (config) => decoderFacts.parse(config),
};
