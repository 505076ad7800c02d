// What a pod tells of itself, in the status of its party: what was known stays where it tells less.
// Pure.
import type { PartyStatus } from '../../crds/api/federation-party.ts';
import type { PartyProgress } from '../../crds/wire/federation-pod.ts';
import type { ObservedParty } from './observed.ts';

type Told = Pick<
  PartyStatus,
  'round' | 'rounds' | 'progress' | 'epsilon' | 'heldOutLoss' | 'clients' | 'submitted'
>;

export function toldStatus(
  { role }: ObservedParty,
  known: PartyStatus,
  told: PartyProgress | undefined,
): Told {
  const round = told?.round ?? known.round;
  const rounds = told?.rounds ?? known.rounds;
  const epsilon = told?.epsilon === undefined ? known.epsilon : real(told.epsilon);
  const shared = {
    ...(round !== undefined && { round }),
    ...(rounds !== undefined && { rounds }),
    ...(rounds !== undefined && { progress: `${round ?? 0}/${rounds}` }),
    ...(epsilon !== undefined && { epsilon }),
  };
  return { ...shared, ...(role === 'hub' ? ofHub(known, told) : ofClient(known, told)) };
}

function ofHub(known: PartyStatus, told: PartyProgress | undefined): Told {
  const loss = told?.loss === undefined ? known.heldOutLoss : lossOf(told.loss);
  const clients = told?.clients === undefined ? known.clients : clientsOf(told.clients);
  return {
    ...(loss !== undefined && { heldOutLoss: loss }),
    ...(clients !== undefined && { clients }),
  };
}

function ofClient(known: PartyStatus, told: PartyProgress | undefined): Told {
  const submitted = told?.submitted ?? known.submitted;
  return submitted === undefined ? {} : { submitted };
}

function clientsOf({ used, refused }: NonNullable<PartyProgress['clients']>) {
  return {
    summary: `${used.length}/${used.length + refused.length}`,
    used: [...used],
    refused: refused.map(({ client: name, reason }) => ({ name, reason })),
  };
}

/** Null where it is no number. */
function lossOf(loss: number | null): string {
  return loss === null ? 'NaN' : real(loss);
}

function real(value: number): string {
  return String(Number(value.toPrecision(6)));
}
