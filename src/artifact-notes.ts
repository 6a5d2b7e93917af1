/** Notes about stored objects, to the event store that each object store names (`event_store`). */
import type { ObjectStoreConfig } from './config/file/types.ts';
import type { EventStores } from './event-stores.ts';
import { artifactEvents } from './store/events/artifact-events.ts';
import type { EventStore } from './store/events/types.ts';
import type { RecordInput } from './store/record-input.ts';
import type { StoredReferences } from './store/stage.ts';

export class ArtifactNotes {
  readonly #first: EventStore | undefined;
  readonly #byId: ReadonlyMap<string, EventStore | undefined>;

  constructor(configs: readonly ObjectStoreConfig[], stores: EventStores) {
    const [first] = configs;
    this.#first = first === undefined ? undefined : receiverOf(first, stores);
    this.#byId = new Map(
      configs.flatMap((config) =>
        config.id === undefined ? [] : [[config.id, receiverOf(config, stores)] as const],
      ),
    );
  }

  /** What the object store of that id took of an exchange; undefined: the first one. */
  tell(storeId: string | undefined, input: RecordInput, stored: StoredReferences): void {
    const receiver = storeId === undefined ? this.#first : this.#byId.get(storeId);
    if (receiver === undefined) return;
    for (const event of artifactEvents(input, stored)) receiver.add(event);
  }
}

function receiverOf({ eventStore }: ObjectStoreConfig, stores: EventStores) {
  return eventStore.disabled ? undefined : stores.find(eventStore.id);
}
