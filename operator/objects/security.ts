// The "restricted" profile of Pod Security, in full and for every container. The spec of a job has
// no field that could weaken it.
import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node';

/** User and group of the images; files on volumes get the group. */
const id = 10_001;

export const podSecurity: V1PodSecurityContext = {
  runAsNonRoot: true,
  runAsUser: id,
  runAsGroup: id,
  fsGroup: id,
  // A claim with a million files must not be walked at each start.
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
};

export const containerSecurity: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};
