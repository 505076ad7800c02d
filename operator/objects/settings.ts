// What the site decides about pods, as the chart tells it to the operator. Jobs decide the rest.
import type { PodRole } from './references.ts';

interface BusSettings {
  /** Address that pods use. */
  readonly url: string;
  readonly port: number;
  /** By which pods trust the bus, in PEM; undefined: by those of their image. */
  readonly authority?: string | undefined;
  /** Where the bus runs in the cluster, for network policies; absent: anywhere. */
  readonly namespace: string | undefined;
}

type Quantities = Readonly<Record<string, string | number>>;

export interface ResourceMaps {
  readonly requests: Quantities;
  readonly limits: Quantities;
}

interface TraceSettings {
  /** Address that spans are sent to. */
  readonly endpoint: string;
  readonly port: number;
  /** Where the collector runs in the cluster, for network policies; absent: anywhere. */
  readonly namespace: string | undefined;
}

/** For workers of jobs that ask for devices. */
export interface DeviceSettings {
  /** With CUDA; a job may name another. */
  readonly image: string;
  readonly imagePullPolicy: PullPolicy;
  /** Extended resource that provides devices, where the job names none. */
  readonly resourceName: string;
  readonly runtimeClassName: string | undefined;
  /** Of a device, where neither the job nor a label of its node tells. */
  readonly memoryBytes: number | undefined;
}

type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

export interface PodSettings {
  /** Worker image; a job may name another. */
  readonly image: string;
  readonly imagePullPolicy: PullPolicy;
  /** What pods of a kind get where neither the job nor its plan says. */
  readonly resources: Readonly<Record<PodRole, ResourceMaps>>;
  /** Absent where the site has no bus: jobs of one worker run without. */
  readonly bus: BusSettings | undefined;
  /** Absent where the site has no collector. */
  readonly traces: TraceSettings | undefined;
  /** Address of the model hub, where it is not the public one. */
  readonly hubEndpoint: string | undefined;
  /** Networks, in CIDR notation, that answer names besides the pods of the cluster. */
  readonly nameServers: readonly string[];
  /** Namespace whose pods may read the metrics of workers. */
  readonly monitoringNamespace: string | undefined;
  readonly devices: DeviceSettings;
  /** Name of the second scheduler, where gangs are scheduled by scheduler-plugins. */
  readonly coschedulingScheduler: string;
}
