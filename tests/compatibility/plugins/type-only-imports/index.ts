import { S3 } from 'aws-sdk'
import type { Pool } from 'generic-pool'
import { ManagedUpload } from 'aws-sdk/clients/s3'
import { PluginEvent, Plugin, PluginMeta } from 'posthog-plugins'
declare namespace posthog { function capture(name: string): Promise<void> }
declare var fetch: any

type Uploads = Plugin<{ global: { upload: ManagedUpload; pool: Pool<S3> } }>
abstract class Base<T> { protected readonly items: T[] = []; abstract add(item: T): void }
class Names extends Base<string> { add(item: string) { this.items.push(item!) } get all() { return this.items as readonly string[] } }

export const processEvent = (event: PluginEvent, _meta: PluginMeta<Uploads>): PluginEvent => {
    const names = new Names()
    names.add(<string>event.event)
    event.properties!.names = names.all
    return event satisfies PluginEvent
}
