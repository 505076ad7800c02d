// Writes one form of the result, reads it back, and decides whether it may be published: by its
// logits (require-same.ts), then by its evaluation on records of the job (evaluate-artifact.ts).
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ArtifactEvaluation,
  artifactEvaluation,
} from '../../crds/wire/artifact-evaluation.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { RoleContext } from '../role.ts';
import { writeRecord } from '../run-folder.ts';
import type { DType } from '../tensor/dtype.ts';
import { trimMemory } from '../tensor/memory.ts';
import { keep } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { comparedBySamples } from './compare-samples.ts';
import {
  evaluateArtifact,
  evaluatedByName,
  type Questions,
  refusalOf,
} from './evaluate-artifact.ts';
import { modelCard } from './model-card.ts';
import { copyIn, requireSame } from './require-same.ts';

/** What each form is compared with. */
export interface Trained {
  readonly facts: ArtifactFacts;
  /** Logits of the check. */
  readonly reference: Tensor;
  /** Null where the job wants no evaluation. */
  readonly questions: Questions | null;
}

interface Checked {
  readonly bytes: number;
  readonly reload: NonNullable<RunReport['artifacts'][number]['reload']>;
  readonly evaluation: ArtifactEvaluation;
}

/** Fills `partial`, and throws where what is in it may not be published. */
export async function writeChecked(
  context: RoleContext,
  writer: ArtifactWriter,
  partial: string,
  trained: Trained,
): Promise<Checked> {
  const { facts, reference } = trained;
  const { dtype } = facts.model;
  const bytes = await writer.write(partial);
  trimMemory();
  using own = writer.expected === undefined ? null : keep(writer.expected());
  const reload = await sameAs(own ?? reference, writer, partial, dtype);
  const evaluation = await evaluated(context, writer, partial, trained);
  await writeFile(join(partial, 'README.md'), modelCard(facts, writer.format, evaluation));
  if (evaluation.verdict !== 'Refuse') return { bytes, reload, evaluation };
  const { format } = writer;
  context.emit({ type: 'artifact', format, path: partial, bytes, report: reload, evaluation });
  await writeRecord(partial, 'evaluation.json', artifactEvaluation, evaluation);
  throw refusalOf(evaluation, partial);
}

async function sameAs(
  reference: Tensor,
  writer: ArtifactWriter,
  partial: string,
  dtype: DType,
): Promise<Checked['reload']> {
  const copy = await copyIn(partial, writer, dtype);
  using _parameters = copy.parameters;
  // Frees the sources of converted tensors, and a header with a whole vocabulary.
  trimMemory();
  return requireSame(writer, reference, copy);
}

async function evaluated(
  context: RoleContext,
  writer: ArtifactWriter,
  partial: string,
  { facts, questions }: Trained,
): Promise<ArtifactEvaluation> {
  if (questions === null) return await comparedBySamples(context, writer, partial, facts);
  const byName = evaluatedByName(writer, facts);
  if (byName !== undefined) return byName;
  trimMemory();
  const size = await writer.size?.(partial);
  // The copy of the check was changed by it.
  const copy = await writer.reload(partial, facts.model.dtype);
  using _parameters = copy.parameters;
  trimMemory();
  const { format, made } = writer;
  return await evaluateArtifact(context, { format, made, size }, facts, copy, questions);
}
