// The plan that the pod mounts: read, compared with the digest that the operator named, and refused
// where this version means another thing by it.
import { basename, dirname } from 'node:path';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { notBuiltOnCluster } from '../../crds/crd/cluster-limits.ts';
import { TerminalError } from '../../crds/failures/errors.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { childName } from '../../crds/names/child-names.ts';
import { digestOf, digestOfText } from '../../crds/plan/digest.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { type PlanRecord, planRecord, specOf } from '../../crds/wire/plan-record.ts';
import { podPath, protocol } from '../../crds/wire/pod.ts';
import { readTextFile } from '../files/bounded-file.ts';
import type { PodConfig } from './config.ts';

export interface PodPlan {
  readonly record: PlanRecord;
  /** The spec with the fields that may change as they were when the pod was made. */
  readonly spec: FineTuneJobSpec;
}

export async function readPlan(config: PodConfig): Promise<PodPlan> {
  requireProtocol(config);
  const { planFile } = config;
  const text = await readTextFile(planFile, jsonLimits.message.bytes).catch((cause: unknown) => {
    throw mismatch(`the plan ${planFile} cannot be read`, cause);
  });
  if (text === undefined) throw mismatch(`the plan ${planFile} is not there`);
  const digest = digestOfText(text);
  if (digest !== config.planDigest) {
    throw mismatch(
      `ConfigMap ${childName.plan(config.job.name, config.planDigest)} holds a plan with the digest ${digest}; the pod was made for ${config.planDigest}: another object has the name of the plan`,
    );
  }
  const { record, spec } = parsePlan(text, config.live);
  const method = resolveMethod(spec.method);
  if (digestOf(method) !== digestOf(record.method)) {
    throw skew('this worker resolves the method of the plan to other axes than the operator did');
  }
  const missing = notBuiltOnCluster(spec) ?? withoutRunFolder(config);
  if (missing !== undefined) throw missing;
  return { record, spec };
}

function parsePlan(text: string, live: unknown): PodPlan {
  try {
    const record = planRecord.parse(parseJson(text, jsonLimits.message));
    return { record, spec: specOf(record, live) };
  } catch (cause) {
    throw skew('the plan is of a version that this worker cannot read', cause);
  }
}

function requireProtocol({ protocol: theirs }: PodConfig): void {
  if (theirs.oldest <= protocol.newest && protocol.oldest <= theirs.newest) return;
  throw skew(
    `the operator speaks protocol ${theirs.oldest} to ${theirs.newest}, this worker ${protocol.oldest} to ${protocol.newest}`,
  );
}

/** What one pod leaves must be seen by the next one. */
function withoutRunFolder({ runFolder }: PodConfig): TerminalError | undefined {
  if (dirname(runFolder) !== podPath.scratch) return undefined;
  return new TerminalError({
    code: 'E_NOT_BUILT',
    message: `the job names no claim that its pods share, so that ${basename(runFolder)} would be lost between them`,
    hint: 'set spec.storage.data, or a claim in spec.checkpoint.destination or spec.output.destination',
  });
}

function mismatch(message: string, cause?: unknown): TerminalError {
  return new TerminalError({ code: 'E_PLAN_MISMATCH', message, cause });
}

function skew(message: string, cause?: unknown): TerminalError {
  return new TerminalError({ code: 'E_VERSION_SKEW', message, cause });
}
