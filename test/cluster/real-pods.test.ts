// Jobs with real pods: the images of this checkout, installed by the chart. What a cluster makes of
// a job file is what `anneal run` makes of it on this machine, bit for bit. All share one release,
// and so they are in one file; what happens when something is lost is in test/losses.
import { closedAfter } from './closed-after.ts';
import { test } from './our-cluster.ts';
import { jobsOnDevices } from './real-pods/devices.ts';
import { jobsThatTheHubRefuses } from './real-pods/hub-refuses.ts';
import { jobsOfOneWorker } from './real-pods/one-worker.ts';
import { jobOfPlaces, PlacesElsewhere } from './real-pods/places.ts';
import { presetsOnDevices } from './real-pods/presets-on-devices.ts';
import { jobsOfSeveralWorkers } from './real-pods/several-workers.ts';
import { SharedRelease } from './shared-release.ts';

const file = closedAfter(test);
const release = new SharedRelease();
const places = new PlacesElsewhere();

test.before(async (t) => {
  t.timeout(900_000);
  await places.start(file);
  await release.install(file, {
    jobs: { hubEndpoint: places.hub.endpoint },
    features: { deviceLabels: true },
  });
});

jobsOfOneWorker(release);
jobOfPlaces(release, places);
jobsThatTheHubRefuses(release, places);
jobsOfSeveralWorkers(release);
jobsOnDevices(release);
presetsOnDevices(release);
