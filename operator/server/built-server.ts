import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import type { Places } from './places.ts';
import type { PlannedPod } from './planned-memory.ts';

/** A server of which objects can be made. */
export interface BuiltServer {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly spec: ServerSpec;
  readonly places: Places;
  /** Undefined where nobody knows the sizes of the base. */
  readonly planned: PlannedPod | undefined;
}
