// Exports batches of events to S3 as lines of JSON, compressed if the config says so.
import { randomBytes } from 'crypto'
import { brotliCompressSync, gzipSync } from 'zlib'
import { ManagedUpload } from 'aws-sdk/clients/s3'
import { S3 } from 'aws-sdk'
import { Plugin, PluginEvent, PluginMeta, RetryError } from '@posthog/plugin-scaffold'

type S3Plugin = Plugin<{
    global: { s3: S3 }
    config: {
        awsAccessKey: string
        awsSecretAccessKey: string
        awsRegion: string
        s3BucketEndpoint: string
        s3BucketName: string
        prefix: string
        compression: 'gzip' | 'brotli' | 'no compression'
    }
}>

export const setupPlugin: S3Plugin['setupPlugin'] = ({ global, config }) => {
    if (!config.s3BucketName) {
        throw new Error('S3 bucket name missing!')
    }
    global.s3 = new S3({
        accessKeyId: config.awsAccessKey,
        secretAccessKey: config.awsSecretAccessKey,
        endpoint: config.s3BucketEndpoint,
        region: config.awsRegion,
        s3ForcePathStyle: true,
        maxRetries: 0,
        httpOptions: { timeout: 700 },
    })
}

export const exportEvents: S3Plugin['exportEvents'] = async (events, { global, config }) => {
    const date = new Date().toISOString()
    const [day, time] = date.split('T')
    const suffix = randomBytes(8).toString('hex')
    let body: string | Buffer = events.map((event: PluginEvent) => JSON.stringify(event)).join('\n')
    let extension = 'jsonl'
    if (config.compression === 'gzip') {
        body = gzipSync(body)
        extension += '.gz'
    } else if (config.compression === 'brotli') {
        body = brotliCompressSync(body)
        extension += '.br'
    }
    const params: S3.PutObjectRequest = {
        Bucket: config.s3BucketName,
        Key: `${config.prefix || ''}${day}/${time.replace(/:/g, '')}-${suffix}.${extension}`,
        Body: body,
    }
    return new Promise<void>((resolve, reject) => {
        global.s3.upload(params, (error: Error, _: ManagedUpload.SendData) => {
            if (error) {
                console.error(`Uploading to S3 failed: ${error.message}`)
                return reject(new RetryError())
            }
            resolve()
        })
    })
}
