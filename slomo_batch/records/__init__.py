"""The main types of a job, a file per stage, in the order in which a job makes them. Read this first.

    requests       Source, VideoRequest       what a person asked for, one video each; settings are in `settings`
    source_facts   VideoFacts, Track, Scan    what the source is
    plans          Resolved, VideoPlan        what will be made, pinned before anything is made
                   Chunk                      a part of the output's frames
    commits        ChunkDone                  the segment of a chunk
                   AudioDone                  the audio, made whole
    results        Published, VideoFailed     what became of the video
    driver_claim   DriverClaim                which driver leads the job

Records are frozen, say what and never how, name their upstream by id and never point back.
"""
