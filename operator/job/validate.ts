// Whether a job can be run, before anything is created for it: the spec can be read, its parts are
// compatible, and the site has what it asks for. While a job is suspended, a problem with a field
// that may still be changed does not fail it.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { incompatibilities } from '../../crds/combinations/compatibility.ts';
import { notBuiltOnCluster } from '../../crds/crd/cluster-limits.ts';
import type { FailureCode } from '../../crds/failures/table.ts';
import { failureOf } from '../../crds/failures/table.ts';
import { methodStatus } from '../../crds/methods/in-words.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { referencesOf } from '../objects/references.ts';
import type { PolicyResult } from './decision.ts';
import type { Facts } from './facts.ts';
import { poolProblems } from './pool-problems.ts';
import { fail } from './settle.ts';
import type { View } from './view.ts';

interface Problem {
  readonly code: FailureCode;
  readonly message: string;
  /** The person can change something around the job, or wait: the job does not end. */
  readonly passing?: boolean;
}

/** How soon to look again at what somebody may have repaired. */
const lookAgainMs = 60_000;

/**
 * A spec that cannot be read was accepted by another version of the CRD: it does not end the job,
 * an update may.
 */
export function unreadable({ now, job }: Facts): PolicyResult {
  return refused(now, { code: 'E_INVALID_SPEC', message: job.problem, passing: true });
}

export function validate(view: View): PolicyResult {
  const { facts, spec, plan } = view;
  const [problem] = problemsOf(view);
  if (problem !== undefined) {
    const result = refused(facts.now, problem);
    if (problem.passing === true || spec.suspend) return result;
    const failed = fail(view, problem);
    return {
      ...failed,
      conditions: [...(result.conditions ?? []), ...(failed.conditions ?? [])],
    };
  }
  const method = methodStatus(resolveMethod(spec.method), spec.method.preset);
  return {
    conditions: [
      {
        type: 'Validated',
        status: 'True',
        reason: 'Resolved',
        message: `the plan ${plan.digest.slice(0, 8)} can be run`,
      },
    ],
    status: { plan: { ...view.status.plan, sha256: plan.digest, method } },
  };
}

function refused(now: number, { code, message }: Problem): PolicyResult {
  const { reason } = failureOf(code);
  return {
    conditions: [{ type: 'Validated', status: 'False', reason, message }],
    wakeAt: now + lookAgainMs,
    final: true,
  };
}

function problemsOf(view: View): readonly Problem[] {
  const { facts, spec } = view;
  const own = incompatibilities(spec, 'cluster').map(({ code, message }) => ({ code, message }));
  return [
    ...own,
    ...notBuilt(facts, spec),
    ...foreignNames(facts),
    ...poolProblems(view),
    ...siteProblems(facts, spec),
  ];
}

function notBuilt({ site }: Facts, spec: FineTuneJobSpec): readonly Problem[] {
  const found = site.refusesNotBuilt ? notBuiltOnCluster(spec) : undefined;
  if (found === undefined) return [];
  const { code, message, hint } = found;
  return [{ code, message: hint === undefined ? message : `${message}; ${hint}` }];
}

function foreignNames({ foreign }: Facts): readonly Problem[] {
  if (foreign.length === 0) return [];
  const message = `${foreign.join(', ')} belongs to someone else; the job needs the name for a child of its own`;
  return [{ code: 'E_CONFLICT', message, passing: true }];
}

function siteProblems({ site, job }: Facts, spec: FineTuneJobSpec): readonly Problem[] {
  const found: Problem[] = [];
  const { shared } = referencesOf({ name: job.name, spec });
  const store = spec.output.destination?.s3 ?? spec.checkpoint.destination?.s3;
  if (shared === undefined && store === undefined) {
    found.push({
      code: 'E_INVALID_SPEC',
      message:
        'spec.output has only a hub; storage.data, checkpoint.destination or output.destination must be set, where the publishing pod finds what the workers trained',
    });
  }
  if (site.settings.bus === undefined && spec.worker.replicas > 1) {
    found.push({
      code: 'E_BUS_UNAVAILABLE',
      message: `spec.worker.replicas is ${spec.worker.replicas}; several workers find each other through a bus, and the operator has none configured`,
      passing: true,
    });
  }
  if (spec.storage.data?.volumeClaimTemplate !== undefined && !site.mayCreateClaims) {
    found.push({
      code: 'E_NOT_PERMITTED',
      message:
        'spec.storage.data asks for a claim of its own, which this site does not let the operator create',
      passing: true,
    });
  }
  return found;
}
