// The role `describe`: reads what a model is, without its weights, for `anneal estimate`.

import type { ModelFacts } from '../../crds/plan/model-facts.ts';
import { requireSearch } from '../../crds/plan/require-search.ts';
import { requireTask } from '../../crds/plan/require-task.ts';
import { describedModel, describedModelFile } from '../../crds/wire/described-model.ts';
import { runFiles, runRecord } from '../../crds/wire/run-folder.ts';
import { preprocessorFile } from '../data/images/preprocessor-config.ts';
import type { ModelHeaders } from '../decoder/describe-model.ts';
import { factsOf } from '../decoder/registry.ts';
import { readOptionsOf } from '../families/read-options.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { environmentOf } from './environment.ts';
import { pictureRules } from './picture-rules.ts';
import { type FetchedHeaders, fetchModelHeaders } from './source-headers.ts';

export const describeRole: Role = async (context) => {
  const { folder, stop, emit } = context;
  const run = await requireRecord(folder, runFiles.run, runRecord);
  // Headers are small: their progress is not reported.
  const environment = await environmentOf(run, context, null);
  const model = await fetchModelHeaders(run.spec.model, environment, stop, readOptionsOf(run.spec));
  requireTask(run.spec, model.config);
  requireSearch(run.spec, model.config.family);
  await writeRecord(folder, describedModelFile, describedModel, {
    version: 1,
    source: model.path,
    family: model.config.family,
    format: model.format,
    contextLength: model.config.contextLength,
    storedBytes: storedBytes(model),
    hasChatTemplate: model.hasChatTemplate,
    facts: withPictures(model, emit),
  });
};

/** With the tokens of a picture as the preprocessor config says its size. */
function withPictures(model: FetchedHeaders, emit: RoleContext['emit']): ModelFacts {
  const facts = factsOf(model.config, model);
  if (!('tokens' in facts) && facts.kind !== 'diffusion') return facts;
  const { tokens, warning } = pictureRules(model.preprocessorJson, model.config, preprocessorFile);
  if (warning !== undefined) emit({ type: 'warning', reason: 'Prepare', message: warning });
  return 'tokens' in facts ? { ...facts, tokens } : facts;
}

function storedBytes({ tensors }: ModelHeaders): Record<string, number> {
  const bytes: Record<string, number> = {};
  for (const { type, begin, end } of tensors.values()) {
    bytes[type] = (bytes[type] ?? 0) + end - begin;
  }
  return bytes;
}
