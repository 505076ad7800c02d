import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import type { Places } from './places.ts';

/** A server of which objects can be made. */
export interface BuiltServer {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly spec: ServerSpec;
  readonly places: Places;
}
