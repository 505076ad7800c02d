// From a job and its model to what its records become: tokens of texts, pictures, or sounds.

import { invariant } from '../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';
import { clipRulesIn } from './clip-rules.ts';
import { pictureRulesIn } from './picture-rules.ts';
import type { DatasetInput } from './prepare.ts';
import type { ResolvedSource } from './resolve-source.ts';
import { hasPictures } from './select-files.ts';
import { soundRules } from './sound-rules.ts';
import { targetRules } from './target-rules.ts';

type Spec = Pick<FineTuneJobSpec, 'dataset' | 'model'>;

export function isOfPictures({ model }: Pick<Spec, 'model'>): boolean {
  return hasPictures(model.task) || isOfTargets({ model });
}

/** Pictures that are to be restored. */
export function isOfTargets({ model }: Pick<Spec, 'model'>): boolean {
  return model.task === 'Restoration';
}

/** Clips of objects. */
export function isOfClips({ model }: Pick<Spec, 'model'>): boolean {
  return model.task === 'Tracking';
}

export function isOfSounds({ model }: Pick<Spec, 'model'>): boolean {
  return model.task === 'SpeechToText';
}

/** What is to be prepared of a source. `date` is what templates see. */
export async function datasetInput(
  spec: Spec,
  headers: ModelOnDisk,
  date: Date,
  warn: (sentence: string) => void,
): Promise<(source: ResolvedSource) => DatasetInput> {
  const { maxSamples, invalidSamplePolicy, labels = [] } = spec.dataset;
  const common = { maxSamples, invalidSamplePolicy };
  if (isOfTargets(spec)) {
    const rules = targetRules(spec, headers.config);
    return ({ files, boundary }) => ({ ...common, files, pictures: { ...rules, boundary } });
  }
  if (isOfClips(spec)) {
    const { warning, ...rules } = await clipRulesIn(headers);
    if (warning !== undefined) warn(warning);
    return ({ files, boundary }) => ({ ...common, files, pictures: { ...rules, boundary } });
  }
  if (isOfPictures(spec)) {
    const { warning, ...rules } = await pictureRulesIn(headers.folder, headers.config);
    if (warning !== undefined) warn(warning);
    return ({ files, boundary }) => ({
      ...{ ...common, files },
      pictures: { ...rules, labels, boundary },
    });
  }
  if (isOfSounds(spec)) {
    const rules = await soundRules(spec, headers);
    return ({ files, boundary }) => ({ ...common, files, sounds: { ...rules, boundary } });
  }
  const texts = textRules(spec);
  const tokenizer = await modelTokenizer(headers);
  return ({ files }) => ({ ...common, ...texts, files, tokenizer, date });
}

function textRules({ dataset }: Spec) {
  const { sequenceLength, chatTemplate, chatTemplateArguments, overlength, labels } = dataset;
  invariant(sequenceLength !== undefined, 'texts without a longest length');
  const format = formatOf(dataset);
  return { format, sequenceLength, chatTemplate, chatTemplateArguments, overlength, labels };
}

/** Where the job names classes, each text has one, and no shape needs to be detected. */
export function formatOf({ format, labels }: Spec['dataset']): Spec['dataset']['format'] {
  return labels === undefined ? format : 'TextClassification';
}
