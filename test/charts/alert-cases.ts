// Series that should fire an alert, and series beside them that should not. Values are promtool's:
// `0x30` is thirty-one times 0, `0+1x30` goes up by 1 each minute, `_` is no sample. Every alert
// has both kinds.
export interface AlertCase {
  /** What has happened. */
  readonly when: string;
  readonly series: Readonly<Record<string, string>>;
  /** Minutes after the beginning. */
  readonly at: number;
  /** Labels, besides those of the rule, of each alert that fires; none does when absent. */
  readonly fires?: readonly Readonly<Record<string, string>>[];
}

const leader = 'leader_election_master_status{name="finetunejob",instance="a"}';
const standby = 'leader_election_master_status{name="finetunejob",instance="b"}';
const led = { [leader]: '1x60', [standby]: '0x60' };
const ready = (instance: string) => `anneal_gateway_ready{instance="${instance}"}`;
const errors = (controller: string) =>
  `controller_runtime_reconcile_errors_total{controller="${controller}"}`;

export const alertCases: Readonly<Record<string, readonly AlertCase[]>> = {
  AnnealOperatorDown: [
    { when: 'nothing is scraped', series: {}, at: 10, fires: [{}] },
    {
      when: 'replicas are up and none leads',
      series: { 'anneal_jobs{phase="Running"}': '3x60', [leader]: '0x60', [standby]: '0x60' },
      at: 10,
      fires: [{}],
    },
    {
      when: 'only an operator of somebody else leads',
      series: {
        'anneal_jobs{phase="Running"}': '3x60',
        [leader]: '0x60',
        'leader_election_master_status{name="cert-manager",instance="c"}': '1x60',
      },
      at: 10,
      fires: [{}],
    },
    {
      when: 'one leads',
      series: { 'anneal_jobs{phase="Running"}': '0x60', ...led },
      at: 10,
    },
  ],
  AnnealGatewayDown: [
    {
      when: 'no gateway answers',
      series: { [ready('a')]: '0x60', [ready('b')]: '0x60' },
      at: 6,
      fires: [{}],
    },
    {
      when: 'there is none, and the operator has the bus',
      series: { 'anneal_bus_connected{instance="a"}': '1x60' },
      at: 6,
      fires: [{}],
    },
    { when: 'one of two answers', series: { [ready('a')]: '0x60', [ready('b')]: '1x60' }, at: 30 },
    { when: 'there is no bus', series: { ...led }, at: 30 },
  ],
  AnnealBusRefusals: [
    {
      when: 'two a second are turned away',
      series: { 'anneal_bus_auth_connections_total{result="refused"}': '0+120x60' },
      at: 40,
      fires: [{}],
    },
    {
      when: 'many are let in, and a few are not',
      series: {
        'anneal_bus_auth_connections_total{result="admitted"}': '0+600x60',
        'anneal_bus_auth_connections_total{result="refused"}': '0+6x60',
      },
      at: 40,
    },
  ],
  AnnealJobsThrottled: [
    {
      when: 'a job floods',
      series: { 'anneal_gateway_jobs_waiting{instance="a"}': '1x60' },
      at: 20,
      fires: [{}],
    },
    {
      when: 'a job said much for a while',
      series: { 'anneal_gateway_jobs_waiting{instance="a"}': '1x5 0x55' },
      at: 20,
    },
  ],
  AnnealBusDown: [
    {
      when: 'the leader has lost the bus',
      series: { ...led, 'anneal_bus_connected{instance="a"}': '0x60' },
      at: 6,
      fires: [{ instance: 'a' }],
    },
    {
      when: 'workers have it and the leader has not',
      series: {
        ...led,
        'anneal_bus_connected{instance="a"}': '0x60',
        'anneal_bus_connected{instance="b"}': '1x60',
        'anneal_worker_bus_connected{instance="w"}': '1x60',
      },
      at: 6,
      fires: [{ instance: 'a' }],
    },
    {
      when: 'only a standby has lost it',
      series: {
        ...led,
        'anneal_bus_connected{instance="a"}': '1x60',
        'anneal_bus_connected{instance="b"}': '0x60',
      },
      at: 30,
    },
    {
      when: 'it comes back after four minutes',
      series: { ...led, 'anneal_bus_connected{instance="a"}': '0x4 1x60' },
      at: 10,
    },
    { when: 'the site has no bus', series: led, at: 30 },
  ],
  AnnealBusStandbyDown: [
    {
      when: 'a standby has lost the bus',
      series: {
        ...led,
        'anneal_bus_connected{instance="a"}': '1x60',
        'anneal_bus_connected{instance="b"}': '0x60',
      },
      at: 20,
      fires: [{ instance: 'b' }],
    },
    {
      when: 'the leader has',
      series: { ...led, 'anneal_bus_connected{instance="a"}': '0x60' },
      at: 30,
    },
  ],
  AnnealBusWritesFail: [
    {
      when: 'the bus is connected and does not store',
      series: { 'anneal_bus_writes_total{operation="desired",result="error"}': '0+1x60' },
      at: 20,
      fires: [{}],
    },
    {
      when: 'writes were tried while it was away',
      series: {
        'anneal_bus_writes_total{operation="desired",result="away"}': '0+5x60',
        'anneal_bus_writes_total{operation="desired",result="success"}': '0+5x60',
        'anneal_bus_writes_total{operation="desired",result="error"}': '0x60',
      },
      at: 30,
    },
    {
      when: 'one write failed once',
      series: { 'anneal_bus_writes_total{operation="purge",result="error"}': '0x9 1x50' },
      at: 20,
    },
  ],
  AnnealQueueLong: [
    {
      when: 'half of the jobs wait for a day',
      series: {
        'anneal_queue_wait_seconds_bucket{le="3600"}': '0+1x600',
        'anneal_queue_wait_seconds_bucket{le="14400"}': '0+1x600',
        'anneal_queue_wait_seconds_bucket{le="86400"}': '0+2x600',
        'anneal_queue_wait_seconds_bucket{le="+Inf"}': '0+2x600',
      },
      at: 120,
      fires: [{}],
    },
    {
      when: 'they wait for less than an hour',
      series: {
        'anneal_queue_wait_seconds_bucket{le="3600"}': '0+2x600',
        'anneal_queue_wait_seconds_bucket{le="14400"}': '0+2x600',
        'anneal_queue_wait_seconds_bucket{le="86400"}': '0+2x600',
        'anneal_queue_wait_seconds_bucket{le="+Inf"}': '0+2x600',
      },
      at: 120,
    },
  ],
  AnnealManyRestarts: [
    {
      when: 'a restart a minute',
      series: { 'anneal_restarts_total{cause="Hang",rung="NewRound"}': '0+1x120' },
      at: 90,
      fires: [{}],
    },
    {
      when: 'one every ten minutes',
      series: { 'anneal_restarts_total{cause="Hang",rung="NewRound"}': '0+0.1x120' },
      at: 90,
    },
  ],
  AnnealReconcileErrors: [
    {
      when: 'an error every five seconds',
      series: { [errors('finetunejob')]: '0+12x60' },
      at: 40,
      fires: [{}],
    },
    {
      when: 'one a minute, and many of another operator',
      series: { [errors('finetunejob')]: '0+1x60', [errors('certificate')]: '0+600x60' },
      at: 40,
    },
  ],
  AnnealReconcileHangs: [
    {
      when: 'a reconcile goes on for an hour',
      series: { 'workqueue_longest_running_processor_seconds{name="finetunejob"}': '0+60x60' },
      at: 20,
      fires: [{}],
    },
    {
      when: 'reconciles take half a minute, and those of another operator longer',
      series: {
        'workqueue_longest_running_processor_seconds{name="finetunejob"}': '30x60',
        'workqueue_longest_running_processor_seconds{name="backup"}': '0+60x60',
      },
      at: 30,
    },
  ],
  AnnealWatchesBreak: [
    {
      when: 'the watch of pods breaks ten times a minute',
      series: { 'anneal_watch_reconnects_total{resource="pods",cause="Closed"}': '0+10x60' },
      at: 40,
      fires: [{ resource: 'pods' }],
    },
    {
      when: 'each watch is renewed every five minutes',
      series: { 'anneal_watch_reconnects_total{resource="pods",cause="Expired"}': '0+0.2x60' },
      at: 40,
    },
  ],
  AnnealUnreadableObjects: [
    {
      when: 'one object could not be read, once',
      series: { 'anneal_unreadable_objects_total{resource="finetunejobs"}': '0x10 1x60' },
      at: 20,
      fires: [{ resource: 'finetunejobs' }],
    },
    {
      when: 'all can be read',
      series: { 'anneal_unreadable_objects_total{resource="finetunejobs"}': '0x60' },
      at: 20,
    },
  ],
  AnnealClockSkew: [
    {
      when: 'a clock is behind by ten seconds',
      series: { 'anneal_clock_skew_seconds{instance="a"}': '10x60' },
      at: 20,
      fires: [{}],
    },
    {
      when: 'it is ahead by ten',
      series: { 'anneal_clock_skew_seconds{instance="a"}': '-10x60' },
      at: 20,
      fires: [{}],
    },
    {
      when: 'it is off by two',
      series: { 'anneal_clock_skew_seconds{instance="a"}': '2x60' },
      at: 20,
    },
  ],
};
