// Evaluates an artefact against the trained model on the job's own records, before it is published.
// What its verdict is follows from crds/evaluation/gate.ts.

import {
  type Evidence,
  finiteOnly,
  finiteOrNull,
  judge,
  refusedByName,
} from '../../crds/evaluation/gate.ts';
import { TerminalError } from '../../crds/failures/errors.ts';
import type { ArtifactEvaluation } from '../../crds/wire/artifact-evaluation.ts';
import type { RunRecord, TrainedRecord } from '../../crds/wire/run-folder.ts';
import { type Feed, openFeed } from '../data/feed.ts';
import type { Model } from '../engine/model.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { RoleContext } from '../role.ts';
import { streamOf } from '../tensor/streams.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { tokenScores } from './divergence.ts';
import { divergenceOf, meanOfGroups, type TokenScores } from './divergence-statistics.ts';
import { type Asked, askArtifact, askTrained } from './follow-instructions.ts';

/** What all forms of a result are evaluated on. */
export interface Questions {
  readonly records: 'HeldOut' | 'Trained';
  readonly sequences: readonly HostSequence[];
  /** Losses of the base before the first step: sums of documents, as far as they are known. */
  readonly baseline: readonly (number | null)[];
  readonly asked: Asked;
}

/** Null where the job wants no evaluation, and where noise has no probabilities to compare. */
export async function questionsOf(
  facts: Pick<ArtifactFacts, 'run' | 'prepared' | 'files' | 'model'>,
  { baseline = [], report }: Pick<TrainedRecord, 'baseline' | 'report'>,
  context: Pick<RoleContext, 'emit' | 'stop'>,
): Promise<Questions | null> {
  const { run, prepared } = facts;
  const { profile, tokens } = run.spec.evaluation;
  if (profile === 'Disabled' || whyUnasked(run.spec) !== undefined) return null;
  using feed = await openFeed(run.spec, prepared.data, context.stop);
  const asked = await askTrained(facts, context);
  const heldOut = upTo(tokens, feed.evaluationSequences());
  if (heldOut.length > 0) return { records: 'HeldOut', sequences: heldOut, baseline, asked };
  // No more than it was trained on: a short training is not to be outlasted by its evaluation.
  const sequences = upTo(Math.min(tokens, report.training.tokensSeen), trainedOn(feed));
  return { records: 'Trained', sequences, baseline: [], asked };
}

function* trainedOn(feed: Feed): Generator<HostSequence> {
  for (let position = 0; position * feed.sequencesPerStep < feed.sequences; position += 1)
    yield* feed.allSequences(position);
}

/** Whole sequences with targets, at least one. */
function upTo(tokens: number, all: Iterable<HostSequence>): readonly HostSequence[] {
  const chosen: HostSequence[] = [];
  let count = 0;
  for (const sequence of all) {
    if (sequence.targetCount === 0) continue;
    if (chosen.length > 0 && count + sequence.ids.length > tokens) break;
    chosen.push(sequence);
    count += sequence.ids.length;
  }
  return chosen;
}

/** Of the forms of a model that is not asked any questions. */
export function notEvaluated({ spec }: Pick<RunRecord, 'spec'>): ArtifactEvaluation {
  const isOff = spec.evaluation.profile === 'Disabled';
  const why = isOff ? 'spec.evaluation.profile is Disabled' : whyUnasked(spec);
  const leftOut = [`everything: ${why}`];
  return { profile: spec.evaluation.profile, checks: [], findings: [], leftOut, seconds: 0 };
}

function whyUnasked({ model }: Pick<RunRecord['spec'], 'model'>): string | undefined {
  if (model.task === 'Denoising') return 'noise has no probabilities to compare';
  if (model.task === 'Tracking') return 'boxes have no probabilities to compare';
  return model.task === 'Restoration' ? 'pictures have no tokens to compare' : undefined;
}

/** By its bits alone, before it is read back. */
export function evaluatedByName(
  { format, made }: Pick<ArtifactWriter, 'format' | 'made'>,
  { run }: Pick<ArtifactFacts, 'run'>,
): ArtifactEvaluation | undefined {
  const { profile } = run.spec.evaluation;
  const finding = profile === 'Disabled' ? undefined : refusedByName(format, made);
  if (finding === undefined) return undefined;
  const leftOut = ['all figures: it was refused by its type'];
  return { profile, verdict: 'Refuse', checks: [], findings: [finding], leftOut, seconds: 0 };
}

export async function evaluateArtifact(
  { clock, emit, stop }: Pick<RoleContext, 'clock' | 'emit' | 'stop'>,
  { format, made, size }: Pick<ArtifactWriter, 'format' | 'made'> & { size: Evidence['size'] },
  { run, prepared, model }: ArtifactFacts,
  artifact: Model,
  questions: Questions,
): Promise<ArtifactEvaluation> {
  const began = clock.monotonic();
  const { profile } = run.spec.evaluation;
  const { sequences, records } = questions;
  const total = sequences.reduce((sum, { ids }) => sum + ids.length, 0);
  const words = records === 'HeldOut' ? 'held-out tokens' : 'tokens that were trained on';
  const scores = await tokenScores({ trained: model, artifact }, sequences, (done) => {
    stop.throwIfAborted();
    const progress = { done, total, unit: 'Tokens' } as const;
    const subject = `${format} on ${words}`;
    emit({ type: 'stage', stage: 'Export', state: 'Running', subject, ...progress });
  });
  const { seed } = run.spec.training;
  const answers = await askArtifact(artifact, questions.asked, { emit, stop, format, seed });
  const found = divergenceOf(scores, streamOf(seed, 'evaluation', 'documents'));
  const harm = harmOf(scores, questions, seed);
  const targetTokens = scores.trained.length;
  const { perplexityRatio, divergence, agreement } = found;
  const judged = judge(
    {
      ...{ format, made, parameters: parametersOf(model), size, harm, instructions: answers },
      ...{ perplexityRatio, divergence, agreement },
      reference: run.spec.training.maxSteps === 0 ? 'the base' : 'the trained model',
      where: `on ${targetTokens.toLocaleString('en')} ${words}`,
    },
    run.spec.evaluation,
  );
  const digest = prepared.data.digest;
  const data = { records, digest, sequences: sequences.length, tokens: total, targetTokens, seed };
  const { divergence99, loss } = found;
  return {
    ...{ profile, verdict: judged.verdict, data, leftOut: leftOut(questions, harm) },
    ...{ checks: [...judged.checks], findings: [...judged.findings] },
    loss: { trained: finiteOrNull(loss.trained), artifact: finiteOrNull(loss.artifact) },
    divergence99: finiteOnly(divergence99),
    ...(answers && { instructions: answers.followed }),
    seconds: (clock.monotonic() - began) / 1000,
  };
}

/** Of the model as it is, whatever trains. */
function parametersOf({ parameters }: Model): number {
  return parameters.all().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** How much more the artefact's loss is than that of the base, on the documents of both. */
function harmOf(
  { artifact, documents }: TokenScores,
  { baseline }: Questions,
  seed: number,
): Evidence['harm'] {
  const gaps: number[] = [];
  const counts: number[] = [];
  let from = 0;
  for (const [index, tokens] of documents.entries()) {
    const before = baseline[index];
    const own = artifact.slice(from, from + tokens).reduce((sum, nll) => sum + nll, 0);
    from += tokens;
    if (tokens === 0 || before === undefined || before === null) continue;
    gaps.push(own - before);
    counts.push(tokens);
  }
  if (gaps.length === 0) return undefined;
  const estimate = meanOfGroups(gaps, counts, streamOf(seed, 'evaluation', 'harm'));
  return { ...estimate, documents: gaps.length };
}

function leftOut({ records, asked }: Questions, harm: Evidence['harm']): string[] {
  return [
    ...(records === 'Trained' ? ['held-out records: the job has none'] : []),
    ...(harm === undefined ? ['harm: there is no held-out loss before the first step'] : []),
    'a general set: the job has only its own records',
    ...('leftOut' in asked ? [asked.leftOut] : []),
    'repetition: no long text is generated',
  ];
}

/** The error that keeps the artefact from being published. */
export function refusalOf({ findings }: ArtifactEvaluation, folder: string): TerminalError {
  const counting = findings.filter(({ verdict }) => verdict === 'Refuse');
  const told = counting.length > 0 ? counting : findings;
  const hint = told[0]?.hint;
  return new TerminalError({
    code: 'E_EVALUATION_GATE',
    message: `${told.map(({ message }) => message).join('; ')}; it was not published, and lies in ${folder}`,
    ...(hint === undefined ? {} : { hint }),
  });
}
