// Why a new world is formed. Only what is the job's own fault counts against its budget of
// restarts.
export const rendezvousCauses = {
  Start: { counted: false, meaning: 'The workers started.' },
  ProcessFailed: { counted: true, meaning: 'A training process ended badly.' },
  PodFailed: { counted: true, meaning: 'A worker pod ended or was deleted.' },
  Hang: { counted: true, meaning: 'No step ended for too long.' },
  MemberUnreachable: { counted: true, meaning: 'A worker could not be reached by the others.' },
  Rollback: { counted: false, meaning: 'Numbers were not finite; an earlier checkpoint is taken.' },
  OutOfMemory: { counted: false, meaning: 'A device was full; a smaller plan is tried.' },
  Disruption: { counted: false, meaning: 'A pod was evicted, drained or preempted.' },
  PodLost: { counted: false, meaning: 'A node was lost, or a pod deleted.' },
  Resize: { counted: false, meaning: 'The number of workers changed.' },
  Requested: { counted: false, meaning: 'Somebody asked for it.' },
} as const;

export type RendezvousCause = keyof typeof rendezvousCauses;

/** The meaning as a part of a sentence. */
export function causeInWords(cause: RendezvousCause): string {
  const { meaning } = rendezvousCauses[cause];
  return `${meaning.charAt(0).toLowerCase()}${meaning.slice(1)}`.replace(/\.$/, '');
}

export const rendezvousCauseNames = Object.keys(rendezvousCauses) as [
  RendezvousCause,
  ...RendezvousCause[],
];
