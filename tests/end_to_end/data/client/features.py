"""The features that the test applies; the path of their data comes by environment."""

import os
from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float32, Int64

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
trips = FileSource(name="trips", path=os.environ["TRIPS"], timestamp_field="event_timestamp")
statistics = FeatureView(
    name="driver_statistics",
    entities=[driver],
    ttl=timedelta(days=365),
    schema=[Field(name="driver_id", dtype=Int64), Field(name="rating", dtype=Float32)],
    source=trips,
)
drivers = FeatureService(name="drivers", features=[statistics])
