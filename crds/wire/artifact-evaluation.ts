// What the evaluation of an artefact found, as report, telemetry and the folder of a refused
// artefact have it.
import * as z from 'zod';

const count = z.int().min(0);
const real = z.number().nullable();

/** The better first. */
const verdict = z.enum(['Pass', 'Warn', 'Refuse']);

/**
 * LowBit: too few bits for how they were made. Format: further from the trained model than the bits
 * explain. Proxy: perplexity alone does not vouch for answers. NoHarm: worse than the base on the
 * job's own records. Efficiency: a file of another size than its bits make. Align: it follows fewer
 * instructions.
 */
const gate = z.enum(['LowBit', 'Format', 'Proxy', 'NoHarm', 'Efficiency', 'Align']);

/** A value beside its limit. */
const artifactCheck = z.object({
  gate,
  metric: z.enum(['PerplexityRatio', 'Divergence', 'Agreement', 'Harm', 'Size', 'Instructions']),
  value: real,
  /** Of 1,000 resamples of the documents, 95 of 100 lie between. */
  low: real,
  high: real,
  limit: z.number(),
  verdict,
});

const artifactFinding = z.object({
  gate,
  verdict,
  message: z.string(),
  hint: z.string(),
});

export const artifactEvaluation = z.object({
  profile: z.enum(['Default', 'Strict', 'Disabled']),
  /** Absent where nothing was evaluated: `profile` is Disabled. */
  verdict: verdict.optional(),
  checks: z.array(artifactCheck),
  findings: z.array(artifactFinding),
  /** What was not measured, and why. */
  leftOut: z.array(z.string()),
  /** On which tokens; absent of an artefact that was refused by name, or not evaluated. */
  data: z
    .object({
      records: z.enum(['HeldOut', 'Trained']),
      digest: z.string(),
      sequences: count,
      /** All tokens, and those that were to be predicted, which count. */
      tokens: count,
      targetTokens: count,
      /** Of the resamples. */
      seed: count,
    })
    .optional(),
  /** Mean negative log-likelihood of both, in nats; the 99 % quantile of the divergence. */
  loss: z.object({ trained: real, artifact: real }).optional(),
  divergence99: z.object({ value: real, low: real, high: real }).optional(),
  /** Instructions that both answered, and how many answers of each had the form asked for. */
  instructions: z.object({ asked: count, trained: count, artifact: count }).optional(),
  /** Of a model that makes pictures: how far those of fixed noise are from the trained model's. */
  samples: z
    .object({
      pictures: count,
      steps: count,
      guidance: z.number(),
      /** Mean over all values, which lie from -1 to 1. */
      meanSquare: z.number(),
      /** `10 log10(4 / meanSquare)`, dB; null where they are equal. */
      psnr: real,
    })
    .optional(),
  seconds: z.number().min(0),
});

export type Verdict = z.output<typeof verdict>;
export type ArtifactCheck = z.output<typeof artifactCheck>;
export type ArtifactFinding = z.output<typeof artifactFinding>;
export type ArtifactEvaluation = z.output<typeof artifactEvaluation>;
