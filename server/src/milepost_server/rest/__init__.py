"""The HTTP listener: an ASGI application made from the handler table and the HTTP rules of its descriptors.

`routes` finds the method of a path, `binding` fills its request, `transcoder` runs it and writes the answer,
`json_codec` converts messages, `app` guards and serves all of it.
"""
