// What the hub offers, as the federation that a client takes part in: with its own model and
// records, or the sentence for which it does not. Pure.
import type { FederationClient, FederationSpec } from '../../crds/api/federation.ts';
import { fineTuneJobSpec, UserError } from '../../crds/index.ts';
import { refusedFederation } from '../../crds/manifest/federation.ts';
import type { FederationOffer } from '../../crds/wire/federation-bus.ts';
import type { PeerRecord } from './peer-store.ts';

interface Accepted {
  readonly spec: FederationSpec;
  readonly client: FederationClient;
}

/** Throws a UserError where the client does not agree, or the hub's job cannot be run. */
export function accepted(offer: FederationOffer, peer: PeerRecord): Accepted {
  const offered = offer.clients.find(({ name }) => name === peer.name);
  if (offered === undefined) {
    const names = offer.clients.map(({ name }) => name).join(', ');
    throw refusal(`${peer.spec.federation} has no client ${peer.name}; it has ${names}`);
  }
  const { train, maxSamples, privacy } = peer.spec;
  const client: FederationClient = {
    ...{ ...offered, train, maxSamples },
    ...(privacy !== undefined && { maxEpsilon: privacy.maxEpsilon }),
  };
  const template = templateOf(offer, peer);
  const { job: _job, ...rest } = offer;
  const spec: FederationSpec = { ...rest, template, clients: [client] };
  requireConsent(spec, peer);
  // Whether a round counts is the hub's to say, and this is one client of several.
  const [first] = refusedFederation({ ...spec, quorum: {} });
  if (first !== undefined) throw refusal(`the hub offers what cannot be run: ${first.message}`);
  return { spec, client };
}

/** The job of the hub with what is this client's: model, records, and where results go. */
function templateOf({ job }: FederationOffer, { spec }: PeerRecord): FederationSpec['template'] {
  const parsed = fineTuneJobSpec.safeParse({
    ...job,
    model: { ...job.model, ...spec.model },
    dataset: { ...job.dataset, train: spec.train },
    output: { destination: { local: { path: 'result' } } },
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refusal(
    `the hub offers what this version cannot read: ${issue?.path.join('.')} ${issue?.message}`,
  );
}

function requireConsent(
  { aggregation, rounds, template, privacy }: FederationSpec,
  { spec }: PeerRecord,
): void {
  const { allow } = spec;
  if (allow.aggregations?.includes(aggregation) === false) {
    throw refusal(
      `the hub aggregates by ${aggregation}; spec.allow.aggregations has ${allow.aggregations.join(', ')}`,
    );
  }
  if (allow.rounds !== undefined && rounds > allow.rounds) {
    throw refusal(`the hub wants ${rounds} rounds; spec.allow.rounds is ${allow.rounds}`);
  }
  const { maxSteps } = template.training;
  if (allow.stepsPerRound !== undefined && (maxSteps ?? Infinity) > allow.stepsPerRound) {
    throw refusal(
      `the hub wants ${maxSteps ?? 'epochs, not'} steps a round; spec.allow.stepsPerRound is ${allow.stepsPerRound}`,
    );
  }
  if (spec.privacy === undefined) return;
  if (privacy === undefined) {
    throw refusal('the hub trains without differential privacy; spec.privacy asks for it');
  }
  if (privacy.testSeed !== undefined) {
    throw refusal('the noise of the hub follows from testSeed, so nothing is private');
  }
  const { maxDelta } = spec.privacy;
  // Where it is absent it is 1e-5 or less.
  if (Number(privacy.delta ?? '1e-5') > Number(maxDelta)) {
    throw refusal(
      `the hub counts epsilon at delta ${privacy.delta ?? '1e-5'}; spec.privacy.maxDelta is ${maxDelta}`,
    );
  }
}

function refusal(message: string): UserError {
  const hint = 'agree to it in the file of the client, or ask whoever runs the hub';
  return new UserError({ code: 'E_INVALID_SPEC', message, hint });
}
